-- The switch over all scheduled jobs, whoever runs them, and over the messages about alerts. A restored
-- clone comes up with it off: it must not archive, forget or notify as if it were the original, until
-- somebody releases it.
create or replace function memory.allow_jobs(p_allowed boolean default true)
returns boolean
language sql
set search_path to pg_catalog, pg_temp
as $function$
-- when backups are due says the service that keeps them now; a clone's original is another one
update memory_data.schedule as b set due_at = null where b.due_at is not null;
update memory_data.setting as s set value = to_jsonb(p_allowed) where s.key = 'jobs_enabled'
returning s.value::boolean
$function$;

comment on function memory.allow_jobs is
'Let scheduled jobs run and alerts be told, or with false neither; jobs by hand still run.';
