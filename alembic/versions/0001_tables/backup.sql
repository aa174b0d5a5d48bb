-- What is known of backups; the catalogue beside them counts, these are copies of it.

create table memory_data.backup (
    id text primary key,
    kind text not null check (kind in ('full', 'incremental', 'snapshot', 'compressed')),
    tier text not null check (tier in ('local', 'cloud', 'cold')),
    parent text,
    -- the full it ends at: itself, for one that stands alone
    chain text not null,
    reason text not null,
    system text not null,
    timeline integer not null,
    started_at timestamptz not null,
    -- the first instant it restores
    stopped_at timestamptz not null,
    start_lsn pg_lsn not null,
    stop_lsn pg_lsn not null,
    bytes bigint not null check (bytes >= 0),
    stored_bytes bigint not null check (stored_bytes >= 0),
    encrypted boolean not null,
    -- null: nothing is known against it
    fault text,
    verified_at timestamptz,
    proven_at timestamptz
);
create index backup_time on memory_data.backup (stopped_at);
comment on table memory_data.backup is
'What the catalogue beside the backups says, which alone counts; replaced as a whole.';

create table memory_data.restorable_window (
    system text not null,
    timeline integer not null,
    since timestamptz not null,
    until timestamptz not null check (until >= since),
    primary key (system, timeline, since)
);
comment on table memory_data.restorable_window is
'Instants the backups and archived WAL can be restored to; replaced as a whole.';

create table memory_data.backup_run (
    id uuid primary key default uuidv7(),
    action text not null check (action in ('backup', 'verify', 'restore', 'drill', 'prune')),
    request jsonb not null default '{}',
    state text not null default 'running' check (state in ('running', 'done', 'failed')),
    stage text not null default '',
    done bigint not null default 0,
    total bigint,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    result jsonb,
    -- code, message, detail, hint
    error jsonb
);
create index backup_run_latest on memory_data.backup_run (started_at desc);
comment on table memory_data.backup_run is
'Backups, verifications, restores and drills, and how they went.';
