-- How it is in one word, and why: failing while a critical alert is open that nobody looks after,
-- degraded while any other is open.
create or replace function memory.check_health(p_now timestamptz default now())
returns table (status text, reasons jsonb)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select
    case when bool_or(a.severity = 'critical' and a.acknowledged_at is null) then 'failing'
         when count(a.id) > 0 then 'degraded'
         else 'ok' end,
    coalesce(
        jsonb_agg(jsonb_build_object(
            'alert', a.id, 'rule', a.rule, 'scope', a.scope, 'severity', a.severity, 'since', a.opened_at,
            'value', a.value, 'acknowledged_by', a.acknowledged_by, 'meaning', r.meaning, 'hint', r.hint)
            order by a.severity, a.opened_at) filter (where a.id is not null),
        '[]')
from memory_data.alert as a
join memory_data.alert_rule as r on r.name = a.rule
where a.state = 'open' and a.opened_at <= p_now
$function$;

comment on function memory.check_health is
'ok, degraded or failing, with the open alerts that make it so.';
