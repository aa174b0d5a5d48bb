"""Outages of the database the service lived through, and the alert that tells of them.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OUTAGES = """
create table memory_data.outage (
    id bigint generated always as identity primary key,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    -- in a few words
    cause text not null,
    -- what PostgreSQL or the system said of it
    detail text not null,
    -- whether a service started PostgreSQL again
    restarted boolean not null,
    check (ended_at >= began_at)
);
create index outage_time on memory_data.outage (ended_at);
comment on table memory_data.outage is
'When services could not reach the database, and why; noted by them once it was back.';

insert into memory_data.alert_rule
    (name, kpi, scope, above, threshold, clear, lasts, severity, meaning, hint) values
    ('database outage', 'outages', null, true, 0, 0, '0', 'warning',
     'The database was away within the last hour.', 'select * from memory.outages limit 5;');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(OUTAGES)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
