-- Counting uses: the service in the namespace of its request; many at once and sweeping are the operator's.
grant select, insert, update, delete on
    memory_data.usage, memory_data.access_event, memory_data.recent_query
    to memory_app, memory_operator;
grant select, insert, update on memory_data.sweep to memory_operator;
grant execute on function
    memory.note_queries, memory.rate, memory.touch,
    memory._count_uses, memory._decayed_uses, memory._purge_change_counters, memory._purge_traces_in_table
    to memory_app, memory_operator;
grant execute on function memory.purge_traces, memory.touch_many to memory_operator;
