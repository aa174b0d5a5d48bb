-- Live memories of a namespace, newest first, a page at a time. The cursor is the created_at and id
-- of the last row of the page before.
create or replace function memory.list_memories(
    p_namespace text,
    p_limit integer default 50,
    p_after_created_at timestamptz default null,
    p_after_id uuid default null,
    p_layers text[] default null,
    p_kinds text[] default null,
    p_filters jsonb default '{}',
    p_now timestamptz default now()
)
returns table (
    id uuid, namespace text, content text, kind text, layer text, session text, turn integer,
    metadata jsonb, language text, importance real, pinned boolean, created_at timestamptz,
    entered_at timestamptz, expires_at timestamptz, bytes integer, has_embedding boolean,
    access_count integer, last_access timestamptz, rating real, rating_count integer, etag text
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_filter memory._filter;
    -- Variables, for under row security a condition bounds an index only when nothing in it could
    -- leak a row, and PostgreSQL does not count coalesce among that.
    v_before timestamptz := coalesce(p_after_created_at, 'infinity');
    v_before_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
    perform memory._check_namespace(p_namespace);
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception 'limit is outside 1..1000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = 'Ask for the next page with the cursor of this one.';
    end if;
    v_filter := memory._parse_filters(p_layers, p_kinds, p_filters);
    return query
    select m.id, m.namespace, m.content, m.kind, m.layer, m.session, m.turn, m.metadata, m.language,
        m.importance, m.pinned, m.created_at, m.entered_at, nullif(m.expires_at, 'infinity'), m.size,
        m.embedding is not null, coalesce(u.access_count, 0), u.last_access,
        (u.rating_sum / nullif(u.rating_count, 0))::real, coalesce(u.rating_count, 0),
        memory._etag(m.content, m.metadata, m.kind, m.importance, m.pinned, m.language, m.expires_at)
    from memory._memories as m
    left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id
    where m.namespace = p_namespace
        and m.expires_at > p_now
        -- not "is null or", which no index bounds in a generic plan
        and m.created_at <= v_before
        and (m.created_at, m.id) < (v_before, v_before_id)
        and (p_layers is null or m.layer = any (p_layers))
        and memory._passes(v_filter, m.kind, m.session, m.metadata, m.created_at)
    order by m.created_at desc, m.id desc
    limit p_limit;
end;
$function$;

comment on function memory.list_memories is
'Live memories of a namespace, newest first, by cursor, with the filters of a search.';
