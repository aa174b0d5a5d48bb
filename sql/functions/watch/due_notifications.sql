-- The next message of each channel, if its time has come. One a channel, and the oldest: a message
-- that cannot be delivered holds back those after it, so that they arrive in order. None while jobs are
-- switched off: what waits in a restored clone is the original's to deliver.
create or replace function memory.due_notifications(p_now timestamptz default now())
returns table (id bigint, channel text, event text, attempts integer, body jsonb)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select n.id, n.channel, n.event, n.attempts, n.body
from (
    select distinct on (w.channel) w.*
    from memory_data.notification as w
    where w.delivered_at is null
    order by w.channel, w.id) as n
where n.next_attempt_at <= p_now and memory._setting('jobs_enabled')::boolean
order by n.id
$function$;

comment on function memory.due_notifications is
'The oldest undelivered message of each channel whose time has come; none while jobs are off.';
