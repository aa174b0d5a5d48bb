-- One live memory by id, with its use and the etag that an edit of it may name. Reading is counted by
-- memory.touch, which the caller batches.
create or replace function memory.get(p_namespace text, p_id uuid, p_now timestamptz default now())
returns table (
    id uuid, namespace text, content text, kind text, layer text, session text, turn integer,
    metadata jsonb, language text, importance real, pinned boolean, created_at timestamptz,
    entered_at timestamptz, expires_at timestamptz, bytes integer, has_embedding boolean,
    access_count integer, last_access timestamptz, rating real, rating_count integer, etag text
)
language plpgsql
stable
rows 1
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    return query
    select m.id, m.namespace, m.content, m.kind, m.layer, m.session, m.turn, m.metadata, m.language,
        m.importance, m.pinned, m.created_at, m.entered_at, nullif(m.expires_at, 'infinity'), m.size,
        m.embedding is not null, coalesce(u.access_count, 0), u.last_access,
        (u.rating_sum / nullif(u.rating_count, 0))::real, coalesce(u.rating_count, 0),
        memory._etag(m.content, m.metadata, m.kind, m.importance, m.pinned, m.language, m.expires_at)
    from memory._find_memory(p_namespace, p_id, p_now) as m
    left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id;
end;
$function$;

comment on function memory.get is 'One live memory by id with its use; ML404 when there is none.';
