"""Who decided, beside what was decided; and whether analysts see what memories say.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = """
-- null: not known, decided before this column. Without a default at first, or it would say that
-- whoever migrates decided all of them.
alter table memory_data.decision add column actor text;
-- told by the service (key NAME) and by memory.run_job (job NAME); otherwise who is logged in
alter table memory_data.decision alter column actor
    set default coalesce(
        nullif(current_setting('magray.actor', true), ''), 'login ' || session_user);

insert into memory_data.setting (key, value, description) values
    ('analyst_sees_content', 'true',
     'Whether memory_analyst is shown content and metadata of memories, in views and functions.');
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
