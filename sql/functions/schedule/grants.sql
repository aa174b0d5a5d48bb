-- Jobs: the operator runs them and keeps what is known of their runs; their commands are the owner's.
grant select on memory_data.schedule, memory_data.job_run to memory_app, memory_operator;
grant insert, update, delete on memory_data.job_run to memory_operator;
grant update (cron, enabled, since, due_at) on memory_data.schedule to memory_operator;
grant select on memory.jobs to memory_operator, memory_analyst;
grant execute on function
    memory.lifecycle_steps,
    memory._backup_due, memory._check_cron, memory._find_job, memory._job_due, memory._job_may_run,
    memory._jobs_at, memory._latest_plausible_start, memory._lock_job, memory._manual_command, memory._next_due,
    memory._parse_cron_field
    to memory_app, memory_operator;
grant execute on function
    memory.allow_jobs, memory.begin_job, memory.due_jobs, memory.expect_backups, memory.finish_job,
    memory.job_runner,
    memory.purge_job_runs, memory.reconcile_schedule, memory.run_job, memory.run_lifecycle, memory.set_job
    to memory_operator;
grant execute on function
    memory._backup_due, memory._job_due, memory._latest_plausible_start, memory._next_due,
    memory._parse_cron_field
    to memory_analyst;
