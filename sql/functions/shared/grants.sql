-- What every subject uses: the layers and what is kept beside them. The service sees the rows of the
-- namespace set for its transaction, by row level security.
grant select, insert, update, delete on
    memory_data.interact, memory_data.insights, memory_data.assets, memory_data.decision,
    memory_data.change_counter
    to memory_app, memory_operator;
grant select on
    memory_data.layer, memory_data.kind, memory_data.setting, memory._memories
    to memory_app, memory_operator;
grant execute on function
    memory._calling_role, memory._check_layer, memory._check_namespace, memory._is_own_namespace,
    memory._job_run, memory._lock_records, memory._note_change, memory._require_own_namespace,
    memory._sees_content, memory._setting
    to memory_app, memory_operator;
grant execute on function memory._sees_content to memory_analyst;
