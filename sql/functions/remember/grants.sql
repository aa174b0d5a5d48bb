-- Storing memories: the service, in the namespace of its request.
grant select, insert, update, delete on memory_data.idempotency to memory_app, memory_operator;
grant execute on function
    memory.purge_expired_keys, memory.remember, memory.remember_many,
    memory._check_fields, memory._check_vectors, memory._content_hash, memory._content_stripe,
    memory._detect_language, memory._extend_search_reach, memory._kept_answer, memory._last_turn,
    memory._parse_memories, memory._pinned_until, memory._search_vector, memory._speaker, memory._spoken_date,
    memory._store, memory._text_config, memory._text_to_embed
    to memory_app, memory_operator;
