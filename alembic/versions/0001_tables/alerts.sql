-- Rules of alerts, alerts, and the messages about them.

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
    -- Medium is where a relief leaves a full layer, so it asks for nobody, except where nothing is
    -- evicted by itself. Vectors come after the words, and their bytes with them, so that a large
    -- import takes some reliefs: one a minute.
    ('memory pressure high', 'lasting_pressure', null, true, 1.5, 1, '5 minutes', 'critical',
     'A layer stays over its budget, though it is relieved every minute.',
     'select layer, detail from memory.relieve_pressure(p_dry_run => true)'
     ' where action = ''report'';'),
    ('memory pressure medium', 'lasting_pressure', null, true, 0.5, 0, '15 minutes', 'warning',
     'A layer from which nothing is evicted by itself is filling.',
     'Raise max_size_mb of the layer in magray.toml, then: magray migrate'),
    ('search latency', 'search_latency', 'p95', true, 250, 200, '5 minutes', 'warning',
     'Searches are slow.', 'select * from memory.kpi_history where kpi = ''search_latency'';'),
    ('error rate', 'error_rate', null, true, 0.01, 0.005, '2 minutes', 'critical',
     'Requests fail.', 'magray check'),
    ('fragmentation', 'fragmentation', 'total', true, 40, 30, '6 hours', 'warning',
     'Much of the disk holds nothing.', 'magray check'),
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
     'Searches miss what is near.', 'select * from memory.plan_indexes();'),
    ('database outage', 'outages', null, true, 0, 0, '0', 'warning',
     'The database was away within the last hour.', 'select * from memory.outages limit 5;'),
    ('embedding provider away', 'provider_failing', null, true, 120, 0, '1 minute', 'warning',
     'The embedding provider fails: searches find by words only, memories wait for their vectors.',
     'magray check');
