"""Alembic's entry: runs the revisions on the connection `magray migrate` hands over.

There is no offline mode and no second way in: a revision and the rebuild of schema `memory`
belong in one transaction (service/core/migrate.py).
"""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("Run the revisions with: magray migrate")

context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema="memory_data",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
