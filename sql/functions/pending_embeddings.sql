-- Memories that wait for their vector, oldest first, with the text to embed. Those whose text failed
-- wait until their next attempt.
create or replace function memory.pending_embeddings(
    p_limit integer default 32, p_now timestamptz default now()
)
returns table (namespace text, id uuid, document text)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    return query
    select m.namespace, m.id, memory._document(m.content, m.metadata)
    from memory._memories as m
    left join memory_data.embedding_failure as f on f.namespace = m.namespace and f.id = m.id
    where m.embedding is null and m.expires_at > p_now
        and (f.next_attempt_at is null or f.next_attempt_at <= p_now)
    order by m.id
    limit p_limit;
end;
$function$;

comment on function memory.pending_embeddings is
'Up to p_limit memories without a vector, oldest first, with the text to embed.';
