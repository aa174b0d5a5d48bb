-- Begins a job of kind program or backup, which runs outside of the database: acquires its lock for the SESSION,
-- to be held until memory.finish_job, and returns the run; null when it is not to run. A run whose
-- session went away before it finished is closed as failed by the next one.
create or replace function memory.begin_job(
    p_name text, p_runner text default 'manual', p_now timestamptz default now()
)
returns bigint
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_key constant bigint := hashtextextended('memory job job ' || p_name, 0);
    v_job memory_data.schedule;
    v_run bigint;
begin
    v_job := memory._find_job(p_name);
    if v_job.kind = 'sql' then
        perform memory._find_job(p_name, 'program');
    end if;
    if not memory._job_may_run(p_name, p_runner) then
        return null;
    end if;
    if not pg_try_advisory_lock(v_key) then
        raise notice '% is already running', p_name;
        return null;
    end if;
    if p_runner = 'service' and not exists (
        select from memory._jobs_at(p_now, p_name) as j where j.next_due <= p_now)
    then
        perform pg_advisory_unlock(v_key);
        return null;
    end if;
    update memory_data.job_run as r
    set finished_at = clock_timestamp(), sqlstate = '57P01', error = 'the runner went away'
    where r.job = p_name and r.finished_at is null;
    insert into memory_data.job_run as r (job, runner) values (p_name, p_runner) returning r.id into v_run;
    return v_run;
end;
$function$;

comment on function memory.begin_job is
'Begin a program job: its lock for this session and its run; null when it is not to run now.';
