-- Changing a memory: the service, in the namespace of its request.
grant select, insert, update, delete on memory_data.revision to memory_app, memory_operator;
grant execute on function
    memory.update_memory,
    memory._merge_patch, memory._require_match, memory._set_expiry
    to memory_app, memory_operator;
