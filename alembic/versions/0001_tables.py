"""All tables of schema memory_data, by subject in the folder beside this file.

Revision ID: 0001_tables

A database at `0014`, the last of the revisions this one was made of, has the same tables to the
letter: `magray migrate` renames its revision and runs nothing (service/core/migrate.py).
"""

from pathlib import Path

from alembic import op

revision = "0001_tables"
down_revision = None
branch_labels = None
depends_on = None

# in the order they refer to each other
SUBJECTS = (
    "policy",
    "settings",
    "embedding",
    "layers",
    "usage",
    "history",
    "training",
    "eviction",
    "pressure",
    "archive",
    "backup",
    "schedule",
    "kpis",
    "alerts",
    "access",
    "row_security",
)


def upgrade() -> None:
    # psycopg's own, to which without parameters % means nothing
    driver = op.get_bind().connection.driver_connection
    for subject in SUBJECTS:
        driver.execute((Path(__file__).with_suffix("") / f"{subject}.sql").read_bytes())


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
