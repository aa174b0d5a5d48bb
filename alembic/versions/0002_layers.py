"""The three layers, partitioned by time, and what hangs on a record.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One definition for the three layers: the same columns, another partition key.
LAYER = """
create table memory_data.{layer} (
    namespace text not null check (length(namespace) between 1 and 200),
    id uuid not null default uuidv7(),
    kind text not null,
    content text not null,
    -- sha256 over kind, session, content and metadata: what makes a memory the same memory
    content_hash bytea not null,
    embedding public.halfvec(384),
    -- memory_data.embedding_model.id of the vector, never null beside one
    model smallint check ((model is null) = (embedding is null)),
    -- A: speaker, B: date, D: content, each when there is one
    search tsvector not null,
    language text not null,
    metadata jsonb not null default '{{}}' check (jsonb_typeof(metadata) = 'object'),
    session text,
    -- place in its session, 1.. in order of arrival; 0 without a session
    turn integer not null default 0,
    -- the caller's hint, 0..1
    importance real not null default 0.5 check (importance between 0 and 1),
    pinned boolean not null default false,
    created_at timestamptz not null,
    entered_at timestamptz not null,
    expires_at timestamptz not null,
    -- bytes of the variable columns: content, vector, words, metadata
    size integer not null check (size >= 0),
    primary key (namespace, id, {key})
) partition by range ({key});

comment on table memory_data.{layer} is
'Layer {layer}; one row a memory. Private: use the functions and views of schema memory.';

-- Exact search within a namespace, index-only. expires_at is in the key so that
-- the planner never prefers the primary key and its heap fetches.
create index {layer}_exact on memory_data.{layer}
    (namespace, expires_at) include (id, entered_at, model, embedding)
    where embedding is not null;
-- The place of the last turn of a session, and a memory's neighbours in it: 0.12 ms, 0.39 with a
-- b-tree on namespace alone.
create index {layer}_session on memory_data.{layer} (namespace, session, turn)
    where session is not null;
-- Recognises a repeated memory. An absent hash among 100,000 rows takes 0.087 ms with it (5.8 MB),
-- 0.086 with a hash index (4.1 MB, but no namespace), 0.184 with BRIN bloom (0.9 MB), 54 without.
create index {layer}_content on memory_data.{layer} (namespace, content_hash);
-- Listing, newest first, by cursor: 20 of a namespace of 500 in 0.14 ms (4.9 MB); 0.60 with one
-- on namespace alone, 9.0 on created_at alone. BRIN on created_at finds one hour in 61 ms where
-- rows are not stored in that order, as long as no index does; in that order 0.6 (24 kB) against
-- 0.12 for a b-tree (2.2 MB): the partition bounds already give what BRIN would on expires_at.
create index {layer}_created on memory_data.{layer} (namespace, created_at, id);
-- What still waits for its vector.
create index {layer}_pending on memory_data.{layer} (id) where embedding is null;
"""

USAGE = """
create table memory_data.usage (
    namespace text not null,
    id uuid not null,
    access_count integer not null default 0,
    first_access timestamptz,
    last_access timestamptz,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    context_relevance real,
    primary key (namespace, id)
) with (fillfactor = 70);
comment on table memory_data.usage is
'One narrow row for a record that was used or rated; apart from the vectors: counting is cheap.';

create table memory_data.access_event (
    namespace text not null,
    id uuid not null,
    at timestamptz not null,
    session text,
    -- search: returned by one; get: read by id; touch: named by the caller; rate: rated
    source text not null check (source in ('search', 'get', 'touch', 'rate')),
    rating real check (rating between 1 and 5)
) partition by range (at);
-- By id, which is unique enough: with the namespace in front a use costs 40 bytes of WAL more.
create index access_event_record on memory_data.access_event (id, at);
comment on table memory_data.access_event is
'Every use of a record, append-only: the training data, and the truth behind usage.';

create table memory_data.revision (
    namespace text not null,
    id uuid not null,
    at timestamptz not null,
    -- what the record was before the change
    content text not null,
    kind text not null,
    metadata jsonb not null,
    importance real not null,
    pinned boolean not null
) partition by range (at);
create index revision_record on memory_data.revision (namespace, id, at);
comment on table memory_data.revision is 'What an edited record was before; gone with its record.';

create table memory_data.decision (
    namespace text not null,
    id uuid,
    at timestamptz not null,
    action text not null check (action in
        ('promote', 'keep', 'evict', 'compress', 'archive', 'expire', 'forget')),
    layer text not null,
    to_layer text,
    kind text,
    to_kind text,
    route text,
    score double precision,
    -- criterion -> value, threshold, passed
    criteria jsonb,
    model text,
    job_run bigint,
    -- rows decided at once (a dropped partition is one row)
    records bigint not null default 1,
    detail jsonb
) partition by range (at);
create index decision_record on memory_data.decision (namespace, id, at);
create index decision_time on memory_data.decision using brin (at);
comment on table memory_data.decision is 'Why a memory is where it is, or gone.';

create table memory_data.change_counter (
    namespace text not null,
    -- writers of a namespace spread over 16 rows, so that they do not wait for each other
    slot smallint not null,
    changes bigint not null default 0,
    -- memories ever stored: never less than how many there are, so a small number spares a count
    stored bigint not null default 0,
    -- between which partition keys its memories of a layer were put; null: none ever
    interact_from timestamptz,
    interact_to timestamptz,
    insights_from timestamptz,
    insights_to timestamptz,
    assets_from timestamptz,
    assets_to timestamptz,
    primary key (namespace, slot)
) with (fillfactor = 50);
comment on table memory_data.change_counter is
'Grows with every change of a namespace in the transaction of the change: the query cache asks it,
and every search, which partitions it must open.';

create table memory_data.idempotency (
    namespace text not null,
    key text not null check (length(key) between 1 and 200),
    request_hash bytea not null,
    response jsonb not null,
    at timestamptz not null,
    primary key (namespace, key)
);
create index idempotency_time on memory_data.idempotency (at);
comment on table memory_data.idempotency is 'Answers of writes that named an idempotency key.';

create table memory_data.embedding_failure (
    namespace text not null,
    id uuid not null,
    attempts integer not null,
    last_error text not null,
    next_attempt_at timestamptz not null,
    primary key (namespace, id)
);
comment on table memory_data.embedding_failure is
'Records whose text a provider could not embed, and when to try again.';

create table memory_data.job_run (
    id bigint generated always as identity primary key,
    job text not null,
    runner text not null check (runner in ('pg_cron', 'service', 'manual')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    rows bigint,
    sqlstate text,
    error text
);
create index job_run_latest on memory_data.job_run (job, started_at desc);
comment on table memory_data.job_run is 'Runs of the scheduled jobs, with rows, duration, error.';
"""

ROW_SECURITY = """
alter table memory_data.{table} enable row level security;
alter table memory_data.{table} force row level security;
create policy {table}_app on memory_data.{table} to memory_app
    using (namespace = (select nullif(current_setting('magray.namespace', true), '')));
create policy {table}_owner on memory_data.{table} to memory_owner using (true) with check (true);
create policy {table}_operator on memory_data.{table} to memory_operator
    using (true) with check (true);
"""

LAYERS = {"interact": "expires_at", "insights": "expires_at", "assets": "entered_at"}
TENANT_TABLES = (
    *LAYERS,
    "usage",
    "access_event",
    "revision",
    "decision",
    "change_counter",
    "idempotency",
    "embedding_failure",
)


def upgrade() -> None:
    connection = op.get_bind()
    for layer, key in LAYERS.items():
        connection.exec_driver_sql(LAYER.format(layer=layer, key=key))
    connection.exec_driver_sql(USAGE)
    for table in TENANT_TABLES:
        connection.exec_driver_sql(ROW_SECURITY.format(table=table))


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
