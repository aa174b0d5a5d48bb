"""Scheduling and expiry: kinds of job, the switch, what finds the pinned and the mortal.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = """
alter table memory_data.schedule
    -- sql: a statement, run by pg_cron or the service; program: a command of the service's machine
    add column kind text not null default 'sql' check (kind in ('sql', 'program')),
    -- from when on the job is due: a schedule that is new, changed or switched on again is not late
    add column since timestamptz not null default now(),
    add constraint schedule_program check (kind = 'sql' or starts_with(command, 'magray '));

insert into memory_data.setting (key, value, description) values
    ('jobs_enabled', 'true',
     'Whether scheduled jobs run at all; false in a restored clone until memory.allow_jobs().'),
    ('cron_timezone', '"UTC"', 'The time zone of the schedules: pg_cron''s, where it is.'),
    ('access_event_days', '180', 'How long every single use is kept: what training looks back to.'),
    ('decision_months', '24', 'How long it can be asked why a memory is gone.'),
    ('revision_months', '24', 'How long an edited memory shows what it was.'),
    ('job_run_days', '30', 'How long runs of jobs are kept; of the latest run of a job, for ever.'),
    ('cron_history_days', '3', 'How long pg_cron keeps its own record of runs.');

alter table memory_data.decision
    -- Of records decided at once: the last 3 bytes of each id, so that each can be asked about.
    -- 3 bytes of WAL a record instead of 16; another id of the same range is taken for one of n
    -- with a chance of n / 16.7 million. Random bytes: not worth an attempt to compress them.
    add column members bytea check (length(members) = 3 * records);
alter table memory_data.decision alter column members set storage external;

-- Pinned records are few and must be found before their partition goes; so are, in the layer that
-- is not partitioned by it, the records that expire.
create index interact_pinned on memory_data.interact (expires_at) where pinned;
create index insights_pinned on memory_data.insights (expires_at) where pinned;
create index assets_mortal on memory_data.assets (expires_at) where expires_at < 'infinity';

create table memory_data.sweep (
    table_name text primary key,
    -- the key the last batch ended at; null: begin anew
    after_namespace text,
    after_id uuid
);
comment on table memory_data.sweep is
'How far the search for traces of records that are gone has come in each table.';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
