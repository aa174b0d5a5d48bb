-- A page of a namespace as it is exported: oldest first, and by turn where times are equal, so that
-- importing it numbers the turns of each session as they were. The cursor is created_at, turn and id
-- of the last row of the page before.
-- ttl is what is left of the life, in whole seconds, rounded up; null: permanent.
create or replace function memory.export_memories(
    p_namespace text,
    p_limit integer default 500,
    p_after_created_at timestamptz default null,
    p_after_turn integer default null,
    p_after_id uuid default null,
    p_embeddings boolean default false,
    p_now timestamptz default now()
)
returns table (
    id uuid, turn integer, content text, kind text, embedding halfvec, metadata jsonb, session text,
    importance real, pinned boolean, ttl bigint, language text, created_at timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    -- a variable, for under row security a condition with coalesce bounds no index
    v_from timestamptz := coalesce(p_after_created_at, '-infinity');
begin
    perform memory._check_namespace(p_namespace);
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception 'limit is outside 1..1000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = 'Ask for the next page with the last row of this one.';
    end if;
    return query
    select m.id, m.turn, m.content, m.kind, case when p_embeddings then m.embedding end, m.metadata,
        m.session, m.importance, m.pinned,
        case when isfinite(m.expires_at)
             then ceil(extract(epoch from m.expires_at - p_now))::bigint end,
        m.language, m.created_at
    from memory._memories as m
    where m.namespace = p_namespace
        and m.expires_at > p_now
        -- the first line is what the index on (namespace, created_at, id) can use
        and m.created_at >= v_from
        and (p_after_created_at is null
             or (m.created_at, m.turn, m.id) > (p_after_created_at, p_after_turn, p_after_id))
    order by m.created_at, m.turn, m.id
    limit p_limit;
end;
$function$;

comment on function memory.export_memories is
'A page of a namespace''s live memories as they are imported again, oldest first, by cursor.';
