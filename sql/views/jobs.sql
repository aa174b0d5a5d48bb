-- One row a job: when it ran last and how that went, when it is due next. A schedule that is new or was
-- changed counts from then on. Runs in the future (memory._latest_plausible_start) are as if they had not been.
-- memory._jobs_at is the same at any moment.
create or replace view memory.jobs as
select
    s.name, s.kind, s.cron, s.enabled, s.description,
    r.runner,
    r.started_at as last_start,
    r.finished_at - r.started_at as duration,
    r.rows,
    r.sqlstate,
    r.error,
    d.next_due,
    case when d.next_due < now() then now() - d.next_due end as late
from memory_data.schedule as s
left join lateral (
    select j.*
    from memory_data.job_run as j
    where j.job = s.name and j.started_at <= memory._latest_plausible_start(now())
    order by j.started_at desc
    limit 1
) as r on true
join memory_data.setting as z on z.key = 'cron_timezone'
cross join lateral (
    select case
        when not s.enabled then null
        when s.kind = 'backup' then memory._backup_due(s.cron, s.due_at, r.started_at, z.value #>> '{}')
        else memory._job_due(s.cron, s.since, r.started_at, now(), z.value #>> '{}') end as next_due
) as d;

comment on view memory.jobs is
'One row a scheduled job: its last run with rows, duration and error, and when it is due next.';
comment on column memory.jobs.runner is 'Who ran it last: pg_cron, the service, or somebody by hand.';
comment on column memory.jobs.duration is 'Of the last run; null while it runs.';
comment on column memory.jobs.next_due is
'Null: switched off, never due by its schedule, or a backup that no rule asks for yet.';
comment on column memory.jobs.late is 'How long it has been due; null: it is not.';
comment on column memory.jobs.name is 'Name of the job, as memory.run_job takes it.';
comment on column memory.jobs.kind is
'sql: its command is a statement; program: it runs outside of the database; backup: [backup] says when.';
comment on column memory.jobs.cron is 'When it is due: standard cron, or "N seconds".';
comment on column memory.jobs.enabled is 'Whether it runs by itself.';
comment on column memory.jobs.description is 'What it does.';
comment on column memory.jobs.last_start is 'When it last began; null: never.';
comment on column memory.jobs.rows is 'Rows its last run changed.';
comment on column memory.jobs.sqlstate is 'SQLSTATE its last run failed with; null: it did not.';
comment on column memory.jobs.error is 'What its last run failed with.';
