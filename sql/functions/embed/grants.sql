-- Embedding: the worker fills in vectors over all namespaces, so it acts as the operator.
grant select, insert, update, delete on memory_data.embedding_failure to memory_app, memory_operator;
grant select on memory_data.embedding_model to memory_app, memory_operator;
grant select, insert, update on memory_data.provider_state to memory_operator;
grant select on memory.unembedded, memory.shortened to memory_operator, memory_analyst;
grant execute on function memory.without_embedding, memory._active_model to memory_app, memory_operator;
grant execute on function
    memory.note_embedding_failure, memory.note_provider, memory.pending_embeddings, memory.retry_embeddings,
    memory.write_embeddings,
    memory._embedding_conditions, memory._next_pending_namespace, memory._pending_of_namespace
    to memory_operator;
