-- Expiry: the operator runs it, over all namespaces.
grant execute on function
    memory._delete_expired, memory._summarise_partition, memory._write_expiry_decisions
    to memory_app, memory_operator;
grant execute on function memory.expire, memory.renew_pinned to memory_operator;
