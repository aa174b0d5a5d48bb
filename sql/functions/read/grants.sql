-- Reading memories: the service in the namespace of its request, analysts what explains them, never their
-- content where the policy keeps it from them.
grant select on memory.records, memory.layers, memory.decisions to memory_operator, memory_analyst;
grant execute on function
    memory.change_token, memory.explain, memory.get, memory.history, memory.list_decisions, memory.list_layers,
    memory.list_memories,
    memory._etag, memory._find_memory, memory._holds_id
    to memory_app, memory_operator;
grant execute on function memory._analyst_explain, memory._analyst_history to memory_operator;
grant execute on function
    memory.explain, memory.history,
    memory._analyst_explain, memory._analyst_history
    to memory_analyst;
