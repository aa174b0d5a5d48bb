"""What eviction knows: how often and how regularly a record is used, also of those that went.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = """
alter table memory_data.usage
    -- uses before it was evicted and came back, the storing of it among them
    add column past_uses integer not null default 0,
    -- seconds between its uses, the newer ones weighing more; null: not used since it was stored
    add column gap real;

create table memory_data.ghost (
    namespace text not null,
    -- as of the record: the same memory stored again is recognised by it
    content_hash bytea not null,
    -- the id it had
    id uuid not null,
    layer text not null references memory_data.layer (name),
    -- all uses, the storing of it among them
    uses integer not null check (uses > 0),
    gap real,
    last_use timestamptz not null,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    primary key (namespace, content_hash)
);
create index ghost_oldest on memory_data.ghost (layer, last_use);
comment on table memory_data.ghost is
'What is remembered of evicted records for a while: how they were used, never what they said.';

create table memory_data.reuse (
    layer text not null references memory_data.layer (name),
    -- writers spread over 16 rows, so that they seldom wait for each other
    slot smallint not null,
    -- how often and how regularly the record had been used: memory._reuse_class
    class smallint not null,
    -- how long it had lain idle: memory._idle_step
    step smallint not null,
    uses double precision not null,
    primary key (layer, slot, class, step)
) with (fillfactor = 70);
comment on table memory_data.reuse is
'After how long records were used again, by how they had been used before: counts, no ids.';

create table memory_data.reuse_curve (
    layer text not null references memory_data.layer (name),
    class smallint not null,
    -- uses to expect an hour of keeping a record of this class that was used just now
    importance double precision not null check (importance > 0),
    -- how that changes while the record lies idle: at the start of each step, as a share
    recency real[] not null,
    learned_at timestamptz not null,
    -- uses of the layer it was learned from
    uses double precision not null,
    primary key (layer, class)
) with (fillfactor = 50);
comment on table memory_data.reuse_curve is
'What memory.learn_reuse made of the counts: importance and recency for eviction.';

insert into memory_data.setting (key, value, description) values
    ('ghosts_per_record', '8',
     'How many evicted records are remembered by their use for each record of a layer.'),
    ('ghost_days', '90', 'How long the use of an evicted record is remembered at most.'),
    ('record_overhead_bytes', '1000',
     'What a record takes on disk besides its own bytes and its vector: row, indexes, usage.');
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


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(STATEMENTS)
    connection.exec_driver_sql(ROW_SECURITY.format(table="ghost"))


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
