"""Trained scores, and what promotion remembers: recent questions, verdicts, its runs.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TRAINING = """
-- the rows 0001 stored a moment ago still have checks pending, and no table changes before them
set constraints all immediate;

-- what `relevance` foretells: that a record is used again within this time
alter table memory_data.layer add column horizon interval check (horizon > interval '0');
update memory_data.layer set horizon = '6 hours' where name = 'interact';
update memory_data.layer set horizon = '7 days' where name = 'insights';
update memory_data.layer set horizon = '30 days' where name = 'assets';
alter table memory_data.layer alter column horizon set not null;

create table memory_data.model (
    id integer generated always as identity primary key,
    name text not null unique,
    algorithm text not null,
    -- trained on and used for this layer only; null: all layers
    layer text references memory_data.layer (name),
    -- of its label and features; null: each layer's own
    horizon interval check (horizon > interval '0'),
    trained_at timestamptz not null,
    -- training rows read, those of all slices
    rows integer not null check (rows > 0),
    -- what the artifact takes, in this order
    features text[] not null check (cardinality(features) > 0),
    -- ML score = 1 / (1 + exp(-(intercept + sum of weight * part)))
    combination jsonb not null check (
        combination ?& array['intercept', 'relevance', 'recency', 'frequency', 'importance']),
    -- the estimator, written by skops; never a pickle
    artifact bytea,
    metrics jsonb not null,
    -- feature -> AUC lost when its values are shuffled
    importances jsonb not null,
    active boolean not null default false,
    activated_at timestamptz
);
create unique index model_one_active on memory_data.model (active) where active;
comment on table memory_data.model is
'Trained models of relevance with what they were worth on a later time; at most one is active.';

-- Narrow, and no index on what changes: writing a score anew is a HOT update.
create table memory_data.score (
    namespace text not null,
    id uuid not null,
    relevance real not null check (relevance between 0 and 1),
    model integer not null references memory_data.model (id),
    scored_at timestamptz not null,
    primary key (namespace, id)
) with (fillfactor = 70);
comment on table memory_data.score is
'Trained relevance of records, written back by magray train; without a row of the active model the '
'fixed weighting answers.';
"""

PROMOTION = """
alter table memory_data.usage
    -- failing criteria when the record was last judged, as bits: memory._criterion_bits
    add column verdict smallint;

create table memory_data.recent_query (
    namespace text not null,
    -- places of a ring: the oldest is overwritten
    slot smallint not null check (slot >= 0),
    -- without a dimension, for it outlives a change of the model
    embedding public.halfvec not null,
    model smallint not null references memory_data.embedding_model (id),
    at timestamptz not null,
    primary key (namespace, slot)
) with (fillfactor = 70);
comment on table memory_data.recent_query is
'The vectors of what was asked last in a namespace: the context of its memories.';

create table memory_data.promotion_run (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    layer text not null references memory_data.layer (name),
    job_run bigint,
    -- records used often enough to be looked at, and those of them whose verdict might have changed
    candidates bigint not null,
    judged bigint not null,
    promoted bigint not null,
    -- verdicts that changed
    kept bigint not null,
    -- of the judged, scored by the fixed weighting for want of a trained score
    fallback bigint not null
);
create index promotion_run_time on memory_data.promotion_run (at);
comment on table memory_data.promotion_run is
'One row a run of promote and layer: how many were judged, moved, kept.';

-- Listing decisions, newest first, by cursor.
create index decision_listing on memory_data.decision (namespace, at);

insert into memory_data.setting (key, value, description) values
    ('recent_queries', '20',
     'Questions of a namespace that make up its context, 1..100; see context relevance.'),
    ('promotion_run_days', '30', 'How long it is kept what runs of promote judged and moved.');
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

TENANT_TABLES = ("score", "recent_query")


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(TRAINING)
    connection.exec_driver_sql(PROMOTION)
    for table in TENANT_TABLES:
        connection.exec_driver_sql(ROW_SECURITY.format(table=table))


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
