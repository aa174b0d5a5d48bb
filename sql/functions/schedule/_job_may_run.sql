-- Whether a job may run at all: by hand always, otherwise unless it or all jobs are switched off.
create or replace function memory._job_may_run(p_name text, p_runner text)
returns boolean
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if p_runner = 'manual' then
        return true;
    end if;
    if not memory._setting('jobs_enabled')::boolean then
        raise notice 'jobs are switched off; select memory.allow_jobs();';
        return false;
    end if;
    return exists (select from memory_data.schedule as s where s.name = p_name and s.enabled);
end;
$function$;

comment on function memory._job_may_run is
'Whether this runner may run this job now: not when it or all jobs are switched off.';
