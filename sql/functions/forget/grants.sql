-- Forgetting: the service, in the namespace of its request.
grant execute on function
    memory.forget, memory.forget_namespace,
    memory._delete_records, memory._delete_traces, memory._forget_archived, memory._forget_detached
    to memory_app, memory_operator;
