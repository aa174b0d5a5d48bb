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
grant insert, update on memory_data.job_run to memory_app, memory_operator;
-- Keys and policy are the operator's, through the functions.
grant select, insert, update on memory_data.api_key to memory_operator;
grant update on memory_data.layer, memory_data.setting, memory_data.promotion_rule
    to memory_operator;
grant select on memory._memories to memory_app, memory_operator;
grant execute on all routines in schema memory to memory_operator, memory_app;

-- Backups: the service shows them; runs and the mirror are the operator's.
grant select on memory_data.backup, memory_data.restorable_window, memory_data.backup_run
    to memory_app, memory_operator;
grant insert, update, delete on
    memory_data.backup, memory_data.restorable_window, memory_data.backup_run
    to memory_operator;

-- What changes the house itself is not for the service's requests.
revoke execute on function
    memory.apply_policy, memory.store_code_digest,
    memory.create_key, memory.revoke_key, memory.list_keys, memory.make_partitions
    from memory_app;
revoke execute on function memory.store_code_digest from memory_operator;
-- Nor is what spans namespaces: the worker acts as memory_operator.
revoke execute on function
    memory.pending_embeddings, memory.write_embeddings, memory.note_embedding_failure,
    memory.touch_many
    from memory_app;
revoke execute on function
    memory.content_digests, memory.enable_jobs, memory.mirror_backups, memory.begin_backup_run,
    memory.note_backup_run, memory.backup_runs, memory.dump_records, memory.bring_back
    from memory_app;

-- Analysts: views, nothing else.
grant select on memory.records, memory.layers, memory.backups to memory_analyst, memory_operator;
