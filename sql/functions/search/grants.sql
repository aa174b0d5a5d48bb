-- Searching: the service in the namespace of its request; analysts through the function that holds content
-- back where the policy says so.
grant select on memory_data.search_basis to memory_app, memory_operator;
grant execute on function
    memory.search,
    memory._bits_expression, memory._check_search, memory._count_passing, memory._lexeme_query, memory._lexemes,
    memory._matching, memory._nearest, memory._nearest_exact, memory._nearest_filtered, memory._nearest_hnsw,
    memory._neighbouring_turns, memory._parse_filters, memory._passes, memory._pool, memory._pool_large,
    memory._rank, memory._rare_lexemes
    to memory_app, memory_operator;
grant execute on function memory._analyst_search to memory_operator;
grant execute on function memory.search, memory._analyst_search to memory_analyst;
