"""Pressure: what the layers take on disk, the budget they lend each other, compressed partitions.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = """
-- The index of exact search becomes the partitions' own: one of the parent cannot be dropped for
-- one partition. memory.plan_indexes builds it where it is missing, concurrently.
drop index memory_data.interact_exact;
drop index memory_data.insights_exact;
drop index memory_data.assets_exact;

-- The rows of layer may have been written in this transaction, with a deferred foreign key.
set constraints all immediate;
alter table memory_data.layer
    -- lent by the other layers out of what they do not need, given back when they do
    add column borrowed_bytes bigint not null default 0 check (borrowed_bytes >= 0);

create table memory_data.pressure (
    -- a layer, or 'total'
    layer text primary key,
    level text not null check (level in ('low', 'medium', 'high')),
    since timestamptz not null,
    measured_at timestamptz not null
);
comment on table memory_data.pressure is
'The pressure level of each layer and of all together, and since when.';

create table memory_data.partition_size (
    name text primary key,
    layer text not null,
    -- how the free and dead bytes were found
    method text not null check (method in ('pgstattuple_approx', 'estimate')),
    scanned_at timestamptz not null,
    -- what the partition was at that moment; where this is unchanged it is not read again
    heap_bytes bigint not null,
    filenode oid not null,
    changes bigint not null,
    dead_rows bigint not null,
    vacuums bigint not null,
    -- share of heap and of TOAST that holds nothing a row needs: free, or dead and soon free
    heap_free double precision not null check (heap_free between 0 and 1),
    toast_free double precision not null check (toast_free between 0 and 1)
);
comment on table memory_data.partition_size is
'What the last look into a partition found free; where nothing changed it is not read again.';

create table memory_data.compression (
    partition_name text primary key,
    layer text not null,
    -- building: its small index is not there yet; decompressing: its large ones are not
    state text not null check (state in ('building', 'compressed', 'decompressing')),
    since timestamptz not null,
    bytes_before bigint not null,
    bytes_after bigint
);
comment on table memory_data.compression is
'Partitions that are compressed or on the way there or back.';

insert into memory_data.setting (key, value, description) values
    ('pressure_medium_percent', '75', 'Usage of a budget at which pressure is medium.'),
    ('pressure_high_percent', '90', 'Usage of a budget at which pressure is high.'),
    ('pressure_hysteresis_percent', '5',
     'How far usage must fall below a threshold before the level does.'),
    ('borrow_percent', '60', 'Usage a layer keeps by borrowing budget while its pressure is low.'),
    ('borrow_limit_percent', '100', 'Most a layer may borrow, in percent of its own budget.'),
    ('archive_percent', '85', 'Usage of a budget at which old records are archived to disk.'),
    ('total_max_mb', 'null', 'Budget of all layers together; null: the sum of theirs.'),
    ('compress_cold_hours', '24', 'How long a partition must have been closed to be compressed.'),
    ('compress_used_percent', '5',
     'Most memories of a partition that may have been used in those hours.'),
    ('compress_rerank', '300',
     'Candidates of a compressed partition that are compared again by their whole vectors.');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
