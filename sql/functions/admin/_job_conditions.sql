-- Conditions of the scheduled jobs: is there somebody who runs them, are they late, did they fail, did
-- the clock run ahead. Runs in the future are no sign of life and hide nothing: they are a fault
-- of their own.
create or replace function memory._job_conditions(p_now timestamptz)
returns table (condition text, ok boolean, needed boolean, detail text, hint text)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_installed boolean := exists (select from pg_extension as e where e.extname = 'pg_cron');
    v_runner text;
    v_why text;
    v_beat memory_data.job_run;
begin
    select w.runner, w.why into v_runner, v_why from memory.job_runner(p_now) as w;
    return query select 'pg_cron', v_installed and v_runner <> 'service', false,
        v_why || case v_runner when 'service' then '; the service runs the jobs' else '' end,
        case when v_installed
             then 'cron.use_background_workers = on in postgresql.conf; then restart PostgreSQL and see its log'
             else format('shared_preload_libraries = ''pg_cron'' and cron.database_name = ''%s'' in postgresql.conf; '
                         'then restart PostgreSQL and: magray migrate', current_database()) end;
    return query select 'jobs allowed', v_runner <> 'nobody', false,
        case when v_runner <> 'nobody' then 'yes'
             else 'no: this is a restored clone, or somebody switched them off' end,
        'select memory.allow_jobs();';

    select r.* into v_beat from memory_data.job_run as r
    where r.job = 'heartbeat' and r.started_at <= memory._latest_plausible_start(p_now)
    order by r.started_at desc limit 1;
    return query select 'heartbeat', coalesce(v_beat.started_at > p_now - interval '2 minutes', false), false,
        case when v_beat.id is null then 'none yet'
             else format('%s ago, by %s', date_trunc('second', greatest(p_now - v_beat.started_at, '0')),
                         v_beat.runner) end,
        'Is the service running? magray serve';

    -- by job, for that is how runs are indexed
    return query
    select 'clock', count(*) = 0, false,
        case when count(*) = 0 then 'no run of a job lies in the future'
             else format('runs lie in the future, up to %s: %s', date_trunc('second', max(r.started_at)),
                         string_agg(s.name, ', ' order by s.name)) end,
        'Is the clock right (timedatectl)? Then: delete from memory_data.job_run where started_at > now();'
    from memory_data.schedule as s
    cross join lateral (
        select max(j.started_at) as started_at from memory_data.job_run as j
        where j.job = s.name and j.started_at > memory._latest_plausible_start(p_now)) as r
    where r.started_at is not null;

    return query
    select 'jobs in time', count(*) = 0, false,
        coalesce(string_agg(format('%s is due since %s', j.name, date_trunc('second', j.next_due)), ', '
                            order by j.next_due), 'all'),
        'select name, runner, last_start, next_due, late from memory.jobs;'
    from memory._jobs_at(p_now) as j
    where j.next_due < p_now - interval '2 minutes'
        and memory._next_due(j.cron, j.next_due, memory._setting('cron_timezone') #>> '{}') < p_now;
    return query
    select 'jobs without error', count(*) = 0, false,
        coalesce(string_agg(format('%s: %s %s', j.name, j.sqlstate, j.error), '; ' order by j.name), 'all'),
        coalesce((array_agg(memory._manual_command(j.name, j.kind, j.command) order by j.name))[1],
                 'select name, sqlstate, error from memory.jobs;')
    from memory._jobs_at(p_now) as j
    join memory_data.schedule as s on s.name = j.name
    where j.enabled and j.sqlstate is not null
        -- one that was made up for by hand is no longer due, and keeps no row of that
        and (j.kind <> 'backup' or s.due_at < p_now + interval '1 hour');
    return query
    select 'schedules', count(*) = 0, false,
        coalesce(string_agg(format('%s is never due: %s', j.name, j.cron), ', '), 'all can be read'),
        format('select * from memory.set_job(%L, ''*/15 * * * *'');', coalesce(min(j.name), 'heartbeat'))
    from memory._jobs_at(p_now) as j
    where j.enabled and j.next_due is null
        and (j.kind <> 'backup' or memory._next_due(j.cron, p_now) is null);
end;
$function$;

comment on function memory._job_conditions is
'Whether the jobs run, in time and without error, and who runs them; rows as memory.check_database.';
