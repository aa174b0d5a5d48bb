"""What the services report, the samples of the KPIs, rules of alerts, alerts and their messages.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KPIS = """
create table memory_data.service_report (
    instance uuid not null,
    at timestamptz not null,
    -- the time it covers, which ends at `at`
    seconds real not null check (seconds > 0),
    requests integer not null check (requests >= 0),
    -- answered with a status of 500 or more
    errors integer not null check (errors >= 0),
    searches integer not null check (searches >= 0),
    -- of the searches, answered by words only because the embedding provider failed
    degraded integer not null check (degraded >= 0),
    query_hits integer not null check (query_hits >= 0),
    query_misses integer not null check (query_misses >= 0),
    embedding_hits integer not null check (embedding_hits >= 0),
    embedding_misses integer not null check (embedding_misses >= 0),
    -- how long searches took: upper bounds in ms, ascending, and how many lie at or below each and
    -- above the one before
    bounds real[] not null,
    counts integer[] not null,
    -- the last word of a service that was stopped in order
    farewell boolean not null default false,
    primary key (instance, at),
    check (cardinality(bounds) = cardinality(counts))
);
create index service_report_time on memory_data.service_report (at);
comment on table memory_data.service_report is
'What each service counted in the last seconds: requests, errors, searches and how long they took.';

create table memory_data.recall_sample (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    -- of the nearest memories by comparing all, how many memory.search returned
    found integer not null check (found between 0 and wanted),
    wanted integer not null check (wanted > 0)
);
create index recall_sample_time on memory_data.recall_sample (at);
comment on table memory_data.recall_sample is
'Searches compared with exact ones, to know the recall of what is served.';

create table memory_data.kpi_sample (
    at timestamptz primary key,
    -- [{kpi, scope, value, label}]: the rows of memory.kpis without what the catalogue says
    kpis jsonb not null
);
comment on table memory_data.kpi_sample is 'The KPIs, minute by minute; read memory.kpi_history.';

insert into memory_data.setting (key, value, description) values
    ('kpi_days', '14', 'How long the samples of the KPIs are kept.'),
    ('service_report_hours', '48',
     'How long what the services report is kept; uptime looks back 24.');
"""

ALERTS = """
create table memory_data.alert_rule (
    name text primary key,
    kpi text not null,
    -- null: every scope by itself
    scope text,
    above boolean not null,
    threshold double precision not null,
    -- where it ends again: hysteresis
    clear double precision not null,
    -- how long it must hold before the alert opens
    lasts interval not null check (lasts >= interval '0'),
    severity text not null check (severity in ('warning', 'critical')),
    enabled boolean not null default true,
    silenced_until timestamptz,
    meaning text not null,
    -- what to do: a command
    hint text not null,
    check (case when above then clear <= threshold else clear >= threshold end)
);
comment on table memory_data.alert_rule is
'When a KPI is alarming, for how long, and how bad it is.';

create table memory_data.alert (
    id bigint generated always as identity primary key,
    rule text not null references memory_data.alert_rule (name),
    scope text not null,
    severity text not null,
    -- pending: it does not hold long enough yet
    state text not null check (state in ('pending', 'open', 'resolved')),
    since timestamptz not null,
    opened_at timestamptz,
    resolved_at timestamptz,
    seen_at timestamptz not null,
    value double precision,
    -- the farthest from the threshold it came
    worst double precision,
    acknowledged_at timestamptz,
    acknowledged_by text,
    -- whether somebody was told that it opened: not while its rule is silenced
    told boolean not null default false,
    check ((state = 'resolved') = (resolved_at is not null)),
    check (state = 'pending' or opened_at is not null)
);
create unique index alert_one_active on memory_data.alert (rule, scope)
    where state <> 'resolved';
create index alert_latest on memory_data.alert (since desc);
comment on table memory_data.alert is 'Alerts that are coming, open or over.';

create table memory_data.notification (
    id bigint generated always as identity primary key,
    alert bigint not null references memory_data.alert (id) on delete cascade,
    event text not null check (event in ('opened', 'resolved')),
    at timestamptz not null,
    channel text not null check (channel in ('log', 'webhook', 'smtp')),
    -- what is sent, as it was when it happened
    body jsonb not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    delivered_at timestamptz,
    error text
);
create index notification_waiting on memory_data.notification (channel, id)
    where delivered_at is null;
comment on table memory_data.notification is
'Messages about alerts, one a channel, kept until they are delivered; in order within a channel.';

insert into memory_data.alert_rule
    (name, kpi, scope, above, threshold, clear, lasts, severity, meaning, hint) values
    ('memory pressure high', 'pressure', null, true, 1.5, 1, '2 minutes', 'critical',
     'A layer holds more than its budget bears.',
     'select * from memory.relieve_pressure(p_dry_run => true);'),
    ('memory pressure medium', 'pressure', null, true, 0.5, 0, '15 minutes', 'warning',
     'A layer is filling.', 'select * from memory.measure_pressure(p_dry_run => true);'),
    ('search latency', 'search_latency', 'p95', true, 250, 200, '5 minutes', 'warning',
     'Searches are slow.', 'select * from memory.kpi_history where kpi = ''search_latency'';'),
    ('error rate', 'error_rate', null, true, 0.01, 0.005, '2 minutes', 'critical',
     'Requests fail.', 'magray check'),
    ('fragmentation', 'fragmentation', 'total', true, 40, 30, '6 hours', 'warning',
     'Much of the disk holds nothing.',
     'select * from memory.measure_pressure(p_dry_run => true);'),
    ('embedding provider', 'fallback_rate', 'embedding', true, 0.05, 0.01, '5 minutes', 'warning',
     'Searches are answered by words only.', 'magray check'),
    ('archive backlog', 'archive_backlog', null, true, 10000, 5000, '30 minutes', 'warning',
     'What left its layer waits for a file.', 'magray archive run'),
    ('wal archive', 'wal_archive_failing', null, true, 300, 60, '1 minute', 'critical',
     'WAL is not archived: what is written now cannot be restored.', 'magray backup info'),
    ('stale proof', 'proof_age', null, true, 691200, 604800, '10 minutes', 'warning',
     'No restore was proved right for more than a week.', 'magray backup drill'),
    ('late jobs', 'job_lateness', null, true, 600, 120, '5 minutes', 'warning',
     'A job has not run.',
     'select name, late, error from memory.jobs order by late desc nulls last;'),
    ('low recall', 'recall', null, false, 0.95, 0.97, '10 minutes', 'warning',
     'Searches miss what is near.', 'select * from memory.plan_indexes();');

insert into memory_data.setting (key, value, description) values
    ('alert_channels', '["log"]',
     'Where alerts are told: log, webhook, smtp. NOTIFY is always sent.'),
    ('alert_days', '90', 'How long alerts that are over are kept.');
"""


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(KPIS)
    connection.exec_driver_sql(ALERTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
