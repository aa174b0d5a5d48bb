-- One row a sample and KPI, newest first.
create or replace view memory.kpi_history as
select s.at, k.kpi, c.kpi_group, k.scope, k.value, k.label, c.unit
from memory_data.kpi_sample as s
cross join lateral jsonb_to_recordset(s.kpis) as k (
    kpi text, scope text, value double precision, label text)
left join memory.kpi_catalogue as c on c.kpi = k.kpi
order by s.at desc, c.position asc, k.scope asc;

comment on view memory.kpi_history is
'The KPIs, minute by minute: value (null: nothing was measured), words, unit.';
comment on column memory.kpi_history.at is 'When it was sampled.';
comment on column memory.kpi_history.kpi is 'Its name; memory.kpi_catalogue says what it is.';
comment on column memory.kpi_history.kpi_group is 'memory, performance, health, quality, lifecycle or backup.';
comment on column memory.kpi_history.scope is 'Of what: a layer, total, a percentile.';
comment on column memory.kpi_history.value is 'Null: nothing was measured.';
comment on column memory.kpi_history.label is 'In words what a number cannot say: a level, a criterion, a job.';
comment on column memory.kpi_history.unit is 'Of the value.';
