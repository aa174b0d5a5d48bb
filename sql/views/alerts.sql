-- One row an alert, open ones first, newest first.
create or replace view memory.alerts as
select
    a.id, a.rule, r.kpi, a.scope, a.severity, a.state, a.since, a.opened_at, a.resolved_at, a.value, a.worst,
    r.threshold, r.clear, r.lasts, r.silenced_until, a.acknowledged_at, a.acknowledged_by, r.meaning, r.hint
from memory_data.alert as a
join memory_data.alert_rule as r on r.name = a.rule
order by a.state = 'resolved', a.since desc, a.id desc;

comment on view memory.alerts is
'One row an alert: its rule, value and state (pending, open, resolved), who looks after it, what to do.';
comment on column memory.alerts.worst is 'The value farthest from the threshold.';
