-- What a search must bring: a namespace, a question or a vector that fits, a sensible top_k.
-- The caller has looked up the limits already.
create or replace function memory._check_search(
    p_namespace text, p_query text, p_embedding halfvec, p_top_k integer, p_max_top_k integer,
    p_dim integer, p_model_name text
)
returns void
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
begin
    if p_namespace is null or length(p_namespace) not between 1 and 200 then
        perform memory._check_namespace(p_namespace);
    end if;
    if p_top_k is null or p_top_k not between 1 and p_max_top_k then
        raise exception 'top_k is outside 1..%', p_max_top_k
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_top_k::text, 'null')),
                  hint = 'Page through everything with GET /v1/memories.';
    end if;
    if p_embedding is null then
        if p_query is null or p_query !~ '\S' then
            raise exception 'a search needs a query or an embedding'
                using errcode = 'ML422', detail = 'Both are missing or empty.',
                      hint = 'select * from memory.search(''my-namespace'', ''what did we decide?'');';
        end if;
        return;
    end if;
    if p_dim is distinct from vector_dims(p_embedding) or l2_norm(p_embedding) = 0 then
        raise exception 'the embedding does not fit'
            using errcode = 'ML422',
                  detail = format('%s dimensions; the model in use is "%s" with %s, and a vector needs a direction.',
                                  vector_dims(p_embedding), coalesce(p_model_name, 'none'),
                                  coalesce(p_dim, 0)),
                  hint = 'Search with the model the memories were embedded with.';
    end if;
end;
$function$;

comment on function memory._check_search is 'ML422 unless a search has what it needs.';
