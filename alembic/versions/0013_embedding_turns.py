"""Vectors are made in turns of the namespaces, a text that fails is set aside, a provider is known.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# By id alone the next namespace could not be found without reading what all others wait for.
PENDING = """
drop index memory_data.{layer}_pending;
create index {layer}_pending on memory_data.{layer} (namespace, id) where embedding is null;
"""

STATEMENTS = """
alter table memory_data.embedding_failure
    -- of so many characters the vector is made, for the provider took no more; null: it has none
    add column shortened_to integer check (shortened_to > 0);
comment on table memory_data.embedding_failure is
'Records whose text a provider could not embed, and when to try again (infinity: set aside, or there
is nothing to try), and those it embedded only the beginning of.';

create table memory_data.provider_state (
    -- memory_data.embedding_model.name
    model text primary key,
    -- null: it answers
    failing_since timestamptz,
    error text,
    -- nobody asks before
    retry_at timestamptz,
    noted_at timestamptz not null
);
comment on table memory_data.provider_state is
'Whether the embedding provider answers the services, and since when it does not.';

insert into memory_data.setting (key, value, description) values
    ('embedding_attempts', '8',
     'How often a text that cannot be embedded is tried before it is set aside; 8: two hours.');

insert into memory_data.alert_rule
    (name, kpi, scope, above, threshold, clear, lasts, severity, meaning, hint) values
    ('embedding provider away', 'provider_failing', null, true, 120, 0, '1 minute', 'warning',
     'The embedding provider fails: searches find by words only, memories wait for their vectors.',
     'magray check');
"""


def upgrade() -> None:
    connection = op.get_bind()
    for layer in ("interact", "insights", "assets"):
        connection.exec_driver_sql(PENDING.format(layer=layer))
    connection.exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
