-- Makes pg_cron's jobs what memory_data.schedule says: SQL jobs that are switched on are there under
-- "magray NAME", owned by memory_operator, and nothing else under such a name. Does nothing without
-- pg_cron, or while jobs are switched off. It is what the heartbeat runs, so a change is followed
-- within a minute, and every migration and start of the service calls it.
create or replace function memory.reconcile_schedule(
    p_now timestamptz default now(), p_dry_run boolean default false
)
returns table (job text, action text, cron text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_change record;
begin
    if not exists (select from pg_extension as e where e.extname = 'pg_cron')
        or not memory._setting('jobs_enabled')::boolean or not memory._lock_job('memory.reconcile_schedule')
    then
        return;
    end if;
    if current_user <> 'memory_operator' then
        raise exception 'the schedule is not yours to reconcile'
            using errcode = 'ML403',
                  detail = format('pg_cron runs a job as who scheduled it: %s.', current_user),
                  hint = 'set role memory_operator; select * from memory.reconcile_schedule();';
    end if;
    for v_change in execute
        'select coalesce(w.jobname, c.jobname) as jobname, w.cron, w.command, c.active, '
        '    case when c.jobname is null then ''schedule'' when w.jobname is null then ''unschedule'' '
        '         else ''change'' end as action '
        'from (select ''magray '' || s.name as jobname, s.cron, '
        '          format(''select * from memory.run_job(%L, ''''pg_cron'''')'', s.name) as command '
        '      from memory_data.schedule as s '
        '      where s.enabled and s.kind = ''sql'' and memory._next_due(s.cron, $1) is not null) as w '
        'full join (select * from cron.job as j where j.username = ''memory_operator'' '
        '           and starts_with(j.jobname, ''magray '')) as c on c.jobname = w.jobname '
        'where (w.cron, w.command, current_database()::text, true) '
        '    is distinct from (c.schedule, c.command, c.database, c.active) '
        'order by 1' using p_now
    loop
        if not p_dry_run then
            -- scheduling alone would leave a job that was switched off there as it is
            if v_change.action = 'unschedule' or not v_change.active then
                execute 'select cron.unschedule($1)' using v_change.jobname;
            end if;
            if v_change.action <> 'unschedule' then
                execute 'select cron.schedule($1, $2, $3)'
                using v_change.jobname, v_change.cron, v_change.command;
            end if;
        end if;
        job := substr(v_change.jobname, length('magray ') + 1);
        action := v_change.action;
        cron := v_change.cron;
        return next;
    end loop;
end;
$function$;

comment on function memory.reconcile_schedule is
'Make pg_cron''s jobs what the schedule says; returns what changed. p_dry_run only tells.';
