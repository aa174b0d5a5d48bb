-- Taking memories out is the service's, in the namespace of its request. An import writes ids, times and
-- history as a file says, and makes partitions: the owner's alone.
grant execute on function
    memory.export_memories,
    memory._check_history, memory._parse_records
    to memory_app, memory_operator;
