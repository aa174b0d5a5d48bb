-- Who runs the scheduled jobs at p_now, and why: pg_cron while its heartbeat is younger than two
-- minutes (a new schedule is given as long for its first one), otherwise the service; nobody while
-- jobs are switched off. What lies in the future (memory._latest_plausible_start) is no sign of life.
create or replace function memory.job_runner(p_now timestamptz default now())
returns table (runner text, why text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select
    case when not f.allowed then 'nobody' when f.installed and f.alive then 'pg_cron' else 'service' end,
    case when not f.allowed then 'jobs are switched off'
         when not f.installed then 'pg_cron is absent'
         when f.alive then 'pg_cron runs the heartbeat'
         else 'pg_cron has been silent for two minutes' end
from (
    select memory._setting('jobs_enabled')::boolean as allowed,
        exists (select from pg_extension as e where e.extname = 'pg_cron') as installed,
        coalesce((
            select greatest(case when s.since <= memory._latest_plausible_start(p_now) then s.since end, r.started_at)
                > p_now - interval '2 minutes'
            from memory_data.schedule as s
            left join lateral (
                select j.started_at from memory_data.job_run as j
                where j.job = s.name and j.runner = 'pg_cron'
                    and j.started_at <= memory._latest_plausible_start(p_now)
                order by j.started_at desc limit 1) as r on true
            where s.name = 'heartbeat'), false) as alive) as f
$function$;

comment on function memory.job_runner is
'Who runs the scheduled jobs now (pg_cron, service, nobody), and why.';
