-- Who may do what. Runs last; privileges of dropped and rebuilt objects are gone, so all are given
-- anew. Default: nobody may run a function.
revoke all on all routines in schema memory from public;
revoke all on schema memory_data from public;
grant usage on schema memory to memory_app, memory_analyst, memory_operator;

-- The service: rows of the namespace set for its transaction, by row level security.
grant usage on schema memory_data to memory_app, memory_operator;
grant select, insert, update, delete on
    memory_data.interact, memory_data.insights, memory_data.assets, memory_data.usage,
    memory_data.access_event, memory_data.revision, memory_data.decision,
    memory_data.change_counter, memory_data.idempotency, memory_data.embedding_failure
    to memory_app, memory_operator;
grant select on
    memory_data.layer, memory_data.kind, memory_data.promotion_rule, memory_data.route,
    memory_data.setting, memory_data.schedule, memory_data.embedding_model, memory_data.code_state,
    memory_data.job_run
    to memory_app, memory_operator;
-- What jobs keep of themselves; their commands are the owner's.
grant insert, update, delete on memory_data.job_run to memory_operator;
grant update (cron, enabled, since) on memory_data.schedule to memory_operator;
grant select, insert, update on memory_data.sweep to memory_operator;
-- Keys and policy are the operator's, through the functions.
grant select, insert, update on memory_data.api_key to memory_operator;
grant update on memory_data.layer, memory_data.setting, memory_data.promotion_rule
    to memory_operator;
grant select on memory._memories to memory_app, memory_operator;
grant execute on all routines in schema memory to memory_operator, memory_app;

-- What changes the house itself is not for the service's requests.
revoke execute on function
    memory.apply_policy, memory.store_code_digest,
    memory.create_key, memory.revoke_key, memory.list_keys, memory.make_partitions,
    memory.expire, memory.renew_pinned, memory.purge_logs, memory.purge_traces, memory.purge_job_runs,
    memory.run_lifecycle, memory.run_job, memory.begin_job, memory.finish_job, memory.due_jobs,
    memory.job_runner, memory.set_job, memory.allow_jobs, memory.reconcile_schedule
    from memory_app;
revoke execute on function memory.store_code_digest from memory_operator;
-- Nor is what spans namespaces: the worker acts as memory_operator.
revoke execute on function
    memory.pending_embeddings, memory.write_embeddings, memory.note_embedding_failure,
    memory.touch_many
    from memory_app;

-- Analysts: views, and what a view computes from a row alone.
grant select on memory.records, memory.layers, memory.jobs to memory_analyst, memory_operator;
grant execute on function memory._next_due, memory._cron_field, memory._is_cron_day to memory_analyst;
