-- Partitions: the operator makes and drops them, through functions with the owner's rights.
grant execute on function
    memory._detach_partition, memory._detach_partitions, memory._detached_partitions,
    memory._drop_detached_partitions, memory._has_partition, memory._layer_partitions, memory._make_partition,
    memory._partition_start, memory._partition_suffix, memory._partitioned_logs, memory._partitions_of_table,
    memory._transactions_using, memory._wanted_partitions
    to memory_app, memory_operator;
grant execute on function memory.make_partitions, memory.purge_logs to memory_operator;
