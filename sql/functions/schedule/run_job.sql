-- Runs one job of memory_data.schedule, whoever asks: pg_cron, the service, somebody by hand. Under
-- the job's lock, so it never runs twice at once; its run is kept with rows, duration, SQLSTATE and
-- message, also when it fails. Returns nothing when there was nothing to run: another one runs it, the
-- jobs are switched off (memory.allow_jobs), or, for the service, it is not due any more because
-- another service or pg_cron was faster. By hand it runs in any case.
--
-- One transaction: what a job locks is free again when it ends, and its run is seen from then on.
-- Bounds: lock_timeout and statement_timeout of memory_operator; a job that is cancelled for its time
-- is undone and kept as failed with 57014.
create or replace function memory.run_job(
    p_name text, p_runner text default 'manual', p_now timestamptz default now()
)
returns table (run bigint, rows bigint, sqlstate text, error text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_job memory_data.schedule;
    v_run bigint;
    v_rows bigint;
    v_state text;
    v_message text;
    v_actor constant text := coalesce(current_setting('magray.actor', true), '');
begin
    v_job := memory._find_job(p_name, 'sql');
    if not memory._job_may_run(p_name, p_runner) or not memory._lock_job('job ' || p_name) then
        return;
    end if;
    if p_runner = 'service' and not exists (
        select from memory._jobs_at(p_now, p_name) as j where j.next_due <= p_now)
    then
        return;
    end if;

    insert into memory_data.job_run as r (job, runner) values (p_name, p_runner) returning r.id into v_run;
    perform set_config('magray.job_run', v_run::text, true), set_config('magray.actor', 'job ' || p_name, true);
    begin
        execute v_job.command;
        get diagnostics v_rows = row_count;
    exception when others or query_canceled or assert_failure then
        get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
    end;
    perform set_config('magray.job_run', '', true), set_config('magray.actor', v_actor, true);
    return query
    update memory_data.job_run as r
    set finished_at = clock_timestamp(), rows = v_rows, sqlstate = v_state, error = left(v_message, 1000)
    where r.id = v_run
    returning r.id, r.rows, r.sqlstate, r.error;
end;
$function$;

comment on function memory.run_job is
'Run a scheduled job under its lock and keep its run; returns nothing when it was not to run.';
