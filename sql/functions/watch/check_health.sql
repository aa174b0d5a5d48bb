-- How it is in one word, and why: failing while a critical alert is open that nobody looks after,
-- degraded while any other is open, or while nobody checks: alerts are as old as their last check that
-- went well, by the runs of the job `alerts`. A new installation is given as long for its first one.
create or replace function memory.check_health(p_now timestamptz default now())
returns table (status text, reasons jsonb)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
with checks as (
    select s.enabled, memory._setting('jobs_enabled')::boolean as allowed,
        greatest(s.since, r.started_at) as since, r.started_at as last_check
    from memory_data.schedule as s
    left join lateral (
        select j.started_at from memory_data.job_run as j
        where j.job = s.name and j.finished_at is not null and j.sqlstate is null and j.started_at <= p_now
        order by j.started_at desc limit 1) as r on true
    where s.name = 'alerts'
),
reason as (
    select a.severity, a.opened_at as since, a.severity = 'critical' and a.acknowledged_at is null as fails,
        jsonb_build_object(
            'alert', a.id, 'rule', a.rule, 'scope', a.scope, 'severity', a.severity, 'since', a.opened_at,
            'value', a.value, 'acknowledged_by', a.acknowledged_by, 'meaning', r.meaning, 'hint', r.hint) as body
    from memory_data.alert as a
    join memory_data.alert_rule as r on r.name = a.rule
    where a.state = 'open' and a.opened_at <= p_now
    union all
    select 'warning', c.since, false,
        jsonb_build_object(
            'alert', null, 'rule', 'check of alerts', 'scope', 'total', 'severity', 'warning', 'since', c.since,
            'value', extract(epoch from p_now - c.last_check), 'acknowledged_by', null,
            'meaning', w.meaning, 'hint', w.hint)
    from checks as c
    cross join lateral (
        select 'Jobs are switched off: nobody compares the KPIs with the rules.' as meaning,
            'select memory.allow_jobs();' as hint
        where not c.allowed
        union all
        select 'The job of the alerts is switched off: nobody compares the KPIs with the rules.',
            'select * from memory.set_job(''alerts'', p_enabled => true);'
        where c.allowed and not c.enabled
        union all
        select 'The KPIs were not compared with the rules for minutes: what is known of alerts is old.',
            'select name, runner, last_start, late, error from memory.jobs where name = ''alerts'';'
        where c.allowed and c.enabled and c.since < p_now - memory._alerts_stale_after(p_now)) as w
)
select
    case when bool_or(r.fails) then 'failing' when count(*) > 0 then 'degraded' else 'ok' end,
    coalesce(jsonb_agg(r.body order by r.severity, r.since), '[]')
from reason as r
$function$;

comment on function memory.check_health is
'ok, degraded or failing, with what makes it so: open alerts, or that nobody checks.';
