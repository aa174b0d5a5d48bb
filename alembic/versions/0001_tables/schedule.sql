-- The jobs, their runs, and how far those came that go on where they stopped.

create table memory_data.schedule (
    name text primary key,
    -- standard cron, or "N seconds" as pg_cron has it
    cron text not null,
    command text not null,
    enabled boolean not null default true,
    description text not null,
    -- sql: a statement, run by pg_cron or the service; program: a command of the service's machine
    kind text not null default 'sql' check (kind in ('sql', 'program')),
    -- from when on the job is due: a schedule that is new, changed or switched on again is not late
    since timestamptz not null default now(),
    constraint schedule_program check (kind = 'sql' or starts_with(command, 'magray '))
);
comment on table memory_data.schedule is
'Jobs: run by pg_cron where it is, otherwise by the service, always the same SQL.';

create table memory_data.job_run (
    id bigint generated always as identity primary key,
    job text not null,
    runner text not null check (runner in ('pg_cron', 'service', 'manual')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    rows bigint,
    sqlstate text,
    error text
);
create index job_run_latest on memory_data.job_run (job, started_at desc);
comment on table memory_data.job_run is 'Runs of the scheduled jobs, with rows, duration, error.';

create table memory_data.sweep (
    table_name text primary key,
    -- the key the last batch ended at; null: begin anew
    after_namespace text,
    after_id uuid
);
comment on table memory_data.sweep is
'How far the search for traces of records that are gone has come in each table.';
