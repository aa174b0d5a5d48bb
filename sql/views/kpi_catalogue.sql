-- What each KPI is: the one place. `looks_back` null: of this moment. A share of a few events says
-- little, and so does one of a few megabytes: it alarms only while the KPI `counted` is `at_least` so much.
create or replace view memory.kpi_catalogue as
select
    v.position, v.kpi, v.kpi_group, v.unit, v.looks_back::interval as looks_back, v.scopes, v.source, v.meaning,
    g.counted, g.at_least
from (values
    (1, 'size', 'memory', 'bytes', null, 'layer, total', 'memory.measure_pressure',
     'Heap, indexes and TOAST on disk.'),
    (2, 'usage', 'memory', 'percent', null, 'layer, total', 'memory.measure_pressure',
     'Bytes of memories, their index entries and TOAST, of the budget.'),
    (3, 'pressure', 'memory', 'level', null, 'layer, total', 'memory.measure_pressure',
     '0 low, 1 medium, 2 high.'),
    (4, 'fragmentation', 'memory', 'percent', null, 'layer, total', 'memory.measure_pressure',
     'Bytes on disk that hold nothing, of all.'),
    (5, 'search_latency', 'performance', 'ms', '5 minutes', 'p50, p95, p99', 'service reports',
     'Of searches over HTTP, embedding included, from a histogram, as Prometheus computes it.'),
    (6, 'search_rate', 'performance', 'per second', '5 minutes', 'total', 'service reports',
     'Searches over HTTP (QPS).'),
    (7, 'cache_hit_rate', 'performance', 'share', '5 minutes', 'query, embedding', 'service reports',
     'Look-ups answered from the cache.'),
    (8, 'promotion_rate', 'performance', 'share', '24 hours', 'layer', 'memory_data.promotion_run',
     'Records promoted, of those judged.'),
    (9, 'error_rate', 'health', 'share', '5 minutes', 'total', 'service reports',
     'Requests answered with a status of 500 or more.'),
    (10, 'fallback_rate', 'health', 'share', '24 hours', 'scores, jobs, embedding',
     'memory_data.promotion_run, job_run, service reports',
     'Judged by the fixed weighting; run by the service though pg_cron is there; searched by words only.'),
    (11, 'recovery_time', 'health', 'seconds', null, 'restore, crash',
     'memory_data.backup_run, service reports',
     'The last restore or drill; the last time no service could report, without having said goodbye.'),
    (12, 'uptime', 'health', 'percent', '24 hours', 'total', 'service reports',
     'Minutes in which a service reported; a new installation: since the first report.'),
    (13, 'recall', 'quality', 'share', '24 hours', 'total', 'memory.sample_recall',
     'Of the ten nearest by exact search, how many a search returns.'),
    (14, 'blocking_criterion', 'lifecycle', 'share', null, 'layer', 'memory.blocking_criteria',
     'The criterion most of the last used records fail, and the share of them; judged every five minutes.'),
    (15, 'job_lateness', 'lifecycle', 'seconds', null, 'total', 'memory.jobs',
     'How late the latest job is.'),
    (16, 'archive_backlog', 'lifecycle', 'records', null, 'total', 'memory.archive_backlog',
     'Records and files that wait for `magray archive run`.'),
    (17, 'wal_archive_failing', 'backup', 'seconds', null, 'total', 'pg_stat_archiver, pg_ls_archive_statusdir',
     'While archiving fails, how long the oldest WAL waits; to who may not see it: since WAL was last archived.'),
    (18, 'restorable_from', 'backup', 'unix time', null, 'total', 'memory.backups',
     'The earliest instant that can be restored.'),
    (19, 'restorable_until', 'backup', 'unix time', null, 'total', 'memory.backups',
     'The latest instant that can be restored.'),
    (20, 'proof_age', 'backup', 'seconds', null, 'total', 'memory.backups',
     'Since a restore was last proved right; never yet: since the first backup, and so says its label.'),
    (21, 'errors', 'health', 'requests', '5 minutes', 'total', 'service reports',
     'Requests answered with a status of 500 or more: error_rate alarms with five.'),
    (22, 'outages', 'health', 'outages', '1 hour', 'total', 'memory.outages',
     'How often the database was away for its services; its label: why the last time.'),
    (23, 'lasting_pressure', 'memory', 'level', null, 'layer, total', 'memory.measure_pressure',
     'The pressure nothing lowers by itself: high, and medium where the policy is manual. 0 otherwise.'),
    (24, 'provider_failing', 'health', 'seconds', null, 'embedding', 'memory_data.provider_state',
     'Since when the embedding provider fails the services, and what it says; 0: it answers.')
) as v (position, kpi, kpi_group, unit, looks_back, scopes, source, meaning)
left join (values ('error_rate', 'errors', 5), ('fragmentation', 'size', 64 << 20)) as g (kpi, counted, at_least)
    on g.kpi = v.kpi;

comment on view memory.kpi_catalogue is
'What each KPI is: its group, unit, window, scopes, source and meaning.';
comment on column memory.kpi_catalogue.position is 'In which order they are shown.';
comment on column memory.kpi_catalogue.kpi is 'Its name.';
comment on column memory.kpi_catalogue.kpi_group is 'memory, performance, health, quality, lifecycle or backup.';
comment on column memory.kpi_catalogue.unit is 'Of the value.';
comment on column memory.kpi_catalogue.looks_back is 'The time it is computed over; null: of this moment.';
comment on column memory.kpi_catalogue.scopes is 'What it is told for.';
comment on column memory.kpi_catalogue.source is 'What it is computed from.';
comment on column memory.kpi_catalogue.meaning is 'What it says, in a sentence.';
comment on column memory.kpi_catalogue.counted is
'The KPI that says how many events it is a share of; null: it is no such share.';
comment on column memory.kpi_catalogue.at_least is 'How many of those there must be before it alarms.';
