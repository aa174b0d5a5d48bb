-- What became of an attempt to deliver a message: p_error null, delivered. Otherwise it is tried again
-- after 5 s, twice as long each time, at most 10 minutes.
create or replace function memory.note_notification(
    p_id bigint, p_error text default null, p_now timestamptz default now()
)
returns table (id bigint, attempts integer, delivered_at timestamptz, next_attempt_at timestamptz)
language sql
set search_path to pg_catalog, pg_temp
as $function$
update memory_data.notification as n
set attempts = n.attempts + 1,
    delivered_at = case when p_error is null then p_now end,
    error = p_error,
    next_attempt_at = p_now + least(600, 5 * 2 ^ least(n.attempts, 10)) * interval '1 second'
where n.id = p_id and n.delivered_at is null
returning n.id, n.attempts, n.delivered_at, n.next_attempt_at
$function$;

comment on function memory.note_notification is
'Note that a message was delivered, or why not and when it is tried again.';
