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
comment on column memory.alerts.id is 'Number of the alert.';
comment on column memory.alerts.rule is 'Name of the rule that made it.';
comment on column memory.alerts.kpi is 'The KPI the rule watches.';
comment on column memory.alerts.scope is 'Of what: a layer, total, a percentile, as the KPI says.';
comment on column memory.alerts.severity is 'warning or critical.';
comment on column memory.alerts.state is 'pending (it does not hold long enough yet), open or resolved.';
comment on column memory.alerts.since is 'When the value went beyond its threshold.';
comment on column memory.alerts.opened_at is 'When it had held long enough; null: pending.';
comment on column memory.alerts.resolved_at is 'When the value was back; null: it is not over.';
comment on column memory.alerts.value is 'The value when it was last looked at.';
comment on column memory.alerts.threshold is 'Where the alert begins.';
comment on column memory.alerts.clear is 'Where it ends again.';
comment on column memory.alerts.lasts is 'How long the value must be beyond its threshold before the alert opens.';
comment on column memory.alerts.silenced_until is 'Until when nobody is told of alerts of this rule; null: they are.';
comment on column memory.alerts.acknowledged_at is 'When somebody said they look after it; null: nobody did.';
comment on column memory.alerts.acknowledged_by is 'Who said so.';
comment on column memory.alerts.meaning is 'What is wrong, in a sentence.';
comment on column memory.alerts.hint is 'What to do: a command.';
