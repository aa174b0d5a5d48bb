-- The jobs at p_now, one by name or all: the view memory.jobs at any moment, for the functions that
-- run them and look after them. Analysts read the view and run no function that reads a table, so
-- it cannot be built on this.
create or replace function memory._jobs_at(p_now timestamptz, p_name text default null)
returns table (
    name text, kind text, cron text, command text, enabled boolean, next_due timestamptz,
    sqlstate text, error text
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select s.name, s.kind, s.cron, s.command, s.enabled,
    case when not s.enabled then null
         when s.kind = 'backup' then memory._backup_due(s.cron, s.due_at, r.started_at, z.zone)
         else memory._job_due(s.cron, s.since, r.started_at, p_now, z.zone) end,
    r.sqlstate, r.error
from memory_data.schedule as s
left join lateral (
    select j.started_at, j.sqlstate, j.error
    from memory_data.job_run as j
    where j.job = s.name and j.started_at <= memory._latest_plausible_start(p_now)
    order by j.started_at desc
    limit 1
) as r on true
cross join (select memory._setting('cron_timezone') #>> '{}' as zone) as z
where p_name is null or s.name = p_name
$function$;

comment on function memory._jobs_at is
'The jobs with their last run and when they are due, as of a moment; memory.jobs is as of now.';
