-- What the service ought to run at p_now. Programs, when they are due. SQL, when it is due and pg_cron
-- does not run the jobs; or when one is two intervals late although pg_cron lives, because somebody
-- unscheduled it there, say (`neglected`). Backups are begun by who keeps them. Latest first.
-- memory.run_job looks again, under its lock.
create or replace function memory.due_jobs(p_now timestamptz default now())
returns table (name text, kind text, command text, next_due timestamptz, neglected boolean)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select j.name, j.kind, j.command, j.next_due, j.kind = 'sql' and w.runner = 'pg_cron'
from memory._jobs_at(p_now) as j
cross join memory.job_runner(p_now) as w
cross join (select memory._setting('cron_timezone') #>> '{}' as zone) as z
where w.runner <> 'nobody' and j.kind <> 'backup'
    and case when j.kind = 'program' or w.runner = 'service' then j.next_due
             else memory._next_due(j.cron, memory._next_due(j.cron, j.next_due, z.zone), z.zone) end <= p_now
order by j.next_due, j.name
$function$;

comment on function memory.due_jobs is
'The jobs the service ought to run now: all that are due without pg_cron, else those it neglects.';
