-- The service that keeps backups says when each is due by the rules of [backup], every minute. What is
-- not named is not known to become due. What is due stays due since it was first, until it begins; what
-- began and is due all the same (it failed) is due anew.
create or replace function memory.expect_backups(p_due jsonb, p_now timestamptz default now())
returns table (name text, due_at timestamptz)
language sql
set search_path to pg_catalog, pg_temp
as $function$
update memory_data.schedule as s
set due_at = n.due_at
from (
    select o.name, case
        when g.due_at is null or g.due_at > p_now then g.due_at
        when o.due_at <= p_now and coalesce(r.started_at < o.due_at, true) then
            case when r.started_at >= g.due_at then o.due_at else least(o.due_at, g.due_at) end
        when r.started_at >= g.due_at then p_now
        else g.due_at end as due_at
    from memory_data.schedule as o
    cross join lateral (select (p_due ->> o.name)::timestamptz as due_at) as g
    left join lateral (
        select j.started_at from memory_data.job_run as j
        where j.job = o.name and j.started_at <= memory._latest_plausible_start(p_now)
        order by j.started_at desc limit 1) as r on true
    where o.kind = 'backup') as n
where s.name = n.name and s.due_at is distinct from n.due_at
returning s.name, s.due_at
$function$;

comment on function memory.expect_backups is
'Note when backups, verifications and drills are due: an object of job names and times.';
