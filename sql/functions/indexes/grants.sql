-- Planning indexes: it says which to build and to drop; doing it is the owner's.
grant execute on function
    memory.plan_indexes,
    memory._bits_index_definition, memory._drop_indexes, memory._exact_index_definition, memory._has_index,
    memory._needs_search_indexes, memory._recent_arrivals
    to memory_app, memory_operator;
