"""A layer's budget is at least what it takes while it is empty; an alert asks for something.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = """
-- Seven indexes and the index of TOAST, a page each, of every partition of a layer that is kept:
-- those a life spans, those made ahead, and the one now lies in.
create function memory_data.least_budget(p_ttl interval, p_step interval, p_ahead smallint)
returns bigint
language sql
immutable
set search_path to pg_catalog, pg_temp
return 8 * 8192 * (
    1 + p_ahead + coalesce(ceil(extract(epoch from p_ttl) / extract(epoch from p_step)), 0)
)::bigint;
comment on function memory_data.least_budget is 'Bytes on disk of a layer that holds nothing.';

update memory_data.layer as l
set max_bytes = memory_data.least_budget(l.ttl, l.partition_step, l.partitions_ahead)
where l.max_bytes < memory_data.least_budget(l.ttl, l.partition_step, l.partitions_ahead);
set constraints all immediate;
alter table memory_data.layer add constraint layer_budget_of_an_empty_layer
    check (max_bytes >= memory_data.least_budget(ttl, partition_step, partitions_ahead));

-- Medium is where a relief leaves a full layer, so it asks for nobody, except where nothing is
-- evicted by itself. What an operator changed stays. Vectors come after the words, and their bytes
-- with them, so that a large import takes some reliefs: one a minute.
update memory_data.alert_rule
set kpi = 'lasting_pressure',
    lasts = greatest(lasts, interval '5 minutes'),
    meaning = 'A layer stays over its budget, though it is relieved every minute.',
    hint = 'select layer, detail from memory.relieve_pressure(p_dry_run => true)'
           ' where action = ''report'';'
where name = 'memory pressure high' and kpi = 'pressure';
update memory_data.alert_rule
set kpi = 'lasting_pressure',
    meaning = 'A layer from which nothing is evicted by itself is filling.',
    hint = 'Raise max_size_mb of the layer in magray.toml, then: magray migrate'
where name = 'memory pressure medium' and kpi = 'pressure';
update memory_data.alert_rule set hint = 'magray check'
where name = 'fragmentation'
    and hint = 'select * from memory.measure_pressure(p_dry_run => true);';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
