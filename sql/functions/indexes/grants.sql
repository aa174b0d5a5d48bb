-- Planning indexes: it says which to build and to drop; doing it is the owner's.
grant execute on function
    memory.plan_indexes,
    memory._bits_index, memory._drop_indexes, memory._exact_index, memory._has_index, memory._needs_graph,
    memory._newcomers
    to memory_app, memory_operator;
