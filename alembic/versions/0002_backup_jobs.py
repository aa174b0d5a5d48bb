"""Backups, verifications and drills are rows of the schedule: a kind of job, and when each is due.

Revision ID: 0002_backup_jobs
"""

from alembic import op

revision = "0002_backup_jobs"
down_revision = "0001_tables"
branch_labels = None
depends_on = None

STATEMENTS = """
-- sql, program: see 0001_tables; backup: run by the service that keeps backups, which says when
alter table memory_data.schedule drop constraint schedule_kind_check;
alter table memory_data.schedule
    add constraint schedule_kind_check check (kind in ('sql', 'program', 'backup')),
    -- of kind backup: since or from when it is due by the rules of [backup]; null: nothing is known
    add column due_at timestamptz,
    add constraint schedule_due_at check (kind = 'backup' or due_at is null);
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
