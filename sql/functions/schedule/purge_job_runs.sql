-- Removes runs of jobs older than job_run_days, but never the latest of a job, what promote told of its
-- runs after promotion_run_days, and pg_cron's own record of the jobs of this role, which has no index
-- and no limit of its own, after cron_history_days.
create or replace function memory.purge_job_runs(
    p_now timestamptz default now(), p_limit integer default 10000, p_dry_run boolean default false
)
returns table (source text, runs bigint)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_old bigint[];
begin
    if not memory._lock_job('memory.purge_job_runs') then
        return;
    end if;
    v_old := array(
        select r.id from memory_data.job_run as r
        where r.started_at < p_now - memory._setting('job_run_days')::integer * interval '1 day'
            and exists (
                select from memory_data.job_run as n
                where n.job = r.job and n.started_at > r.started_at
                    and n.started_at <= memory._latest_plausible_start(p_now))
        order by r.id limit p_limit);
    if not p_dry_run then
        delete from memory_data.job_run as r where r.id = any (v_old);
    end if;
    source := 'job_run';
    runs := cardinality(v_old);
    return next;

    v_old := array(
        select r.id from memory_data.promotion_run as r
        where r.at < p_now - memory._setting('promotion_run_days')::integer * interval '1 day'
        order by r.at, r.id limit p_limit);
    if not p_dry_run then
        delete from memory_data.promotion_run as r where r.id = any (v_old);
    end if;
    source := 'promotion_run';
    runs := cardinality(v_old);
    return next;

    if to_regclass('cron.job_run_details') is null then
        return;
    end if;
    execute 'select array(select d.runid from cron.job_run_details as d '
            'where d.end_time < $1 order by d.runid limit $2)'
    into v_old
    using p_now - memory._setting('cron_history_days')::integer * interval '1 day', p_limit;
    if not p_dry_run then
        execute 'delete from cron.job_run_details as d where d.runid = any ($1)' using v_old;
    end if;
    source := 'cron.job_run_details';
    runs := cardinality(v_old);
    return next;
end;
$function$;

comment on function memory.purge_job_runs is
'Remove old runs of jobs and of promote, and pg_cron''s record of runs; returns how many.';
