-- Pressure and compression: the operator measures and relieves; analysts see how full the layers are.
grant select on memory_data.compression, memory_data.pressure to memory_app, memory_operator;
-- A relief makes the next measurement look again.
grant select, delete on memory_data.partition_size to memory_operator;
grant execute on function
    memory.last_high_pressure,
    memory._bytes_to_be_returned, memory._cold_partitions, memory._compressed_bytes, memory._free_share,
    memory._measure_partitions, memory._pressure_level, memory._relieve_by_archive, memory._relieve_by_eviction,
    memory._share_budget, memory._total_budget
    to memory_app, memory_operator;
grant execute on function
    memory.compress, memory.decompress, memory.measure_pressure, memory.relieve_pressure,
    memory._eviction_need, memory._layer_usage, memory._return_empty_partitions
    to memory_operator;
grant execute on function memory._layer_usage to memory_analyst;
