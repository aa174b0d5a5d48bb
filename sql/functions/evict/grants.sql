-- Eviction: the operator runs it, over all namespaces. What it learns are counts without a namespace.
grant select, insert, update, delete on memory_data.ghost to memory_app, memory_operator;
grant select, insert, update on memory_data.reuse to memory_app;
grant select, insert, update, delete on memory_data.reuse, memory_data.reuse_curve to memory_operator;
grant select on memory._tracked to memory_app, memory_operator;
grant select on memory.evictions to memory_operator, memory_analyst;
grant execute on function
    memory._archive_or_delete, memory._choose_evicted, memory._forget_partition_sizes, memory._idle_step,
    memory._least_worth, memory._reuse_class, memory._reuse_hazard, memory._reuse_index
    to memory_app, memory_operator;
grant execute on function memory.evict, memory.learn_reuse, memory.purge_ghosts to memory_operator;
