-- A page of a namespace as it is exported, a JSON object a memory: all that memory.import_records needs
-- to make it again as it is. Times are absolute; expires_at null: permanent. Oldest first, and by turn
-- where times are equal. The cursor is created_at, turn and id of the last row of the page before.
--
-- JSON as text: numbers come back digit by digit. `remembered_as` is the kind by which the memory is
-- recognised when it is remembered again, if it has another by now. Runs of jobs are not named, for their
-- numbers mean something in this database only. Trained scores are not in it: a model gives them anew.
create or replace function memory.export_memories(
    p_namespace text,
    p_limit integer default 500,
    p_after_created_at timestamptz default null,
    p_after_turn integer default null,
    p_after_id uuid default null,
    p_embeddings boolean default false,
    p_now timestamptz default now()
)
returns table (id uuid, turn integer, created_at timestamptz, record text)
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
    select m.id, m.turn, m.created_at,
        left(json_build_object(
            'magray', 1, 'namespace', m.namespace, 'id', m.id, 'layer', m.layer, 'kind', m.kind,
            'remembered_as', a.kind, 'content', m.content, 'metadata', m.metadata, 'session', m.session,
            'turn', m.turn, 'language', m.language, 'importance', m.importance, 'pinned', m.pinned,
            'created_at', m.created_at, 'entered_at', m.entered_at,
            'expires_at', nullif(m.expires_at, 'infinity'),
            'bytes', greatest(0, m.size - case when p_embeddings then 0
                                               else coalesce(pg_column_size(m.embedding), 0) end),
            'usage', (select to_jsonb(u) - array['namespace', 'id'] from memory_data.usage as u
                      where u.namespace = m.namespace and u.id = m.id),
            'revisions', coalesce((
                select jsonb_agg(to_jsonb(r) - array['namespace', 'id'] order by r.at)
                from memory_data.revision as r
                where r.namespace = m.namespace and r.id = m.id), '[]'),
            'events', coalesce((
                select jsonb_agg(to_jsonb(e) - array['namespace', 'id'] order by e.at)
                from memory_data.access_event as e
                where e.namespace = m.namespace and e.id = m.id), '[]'),
            'decisions', coalesce((
                select jsonb_agg(to_jsonb(d) - array['namespace', 'id', 'job_run', 'members'] order by d.at)
                from memory_data.decision as d
                where d.namespace = m.namespace and d.id = m.id), '[]'))::text, -1)
        || case when p_embeddings and m.embedding is not null
                then format(', "model" : %s, "embedding" : %s}', to_json(e.name), m.embedding) else '}' end
    from memory._memories as m
    left join memory_data.embedding_model as e on e.id = m.model
    left join lateral (
        select k.name as kind from memory_data.kind as k
        where m.content_hash <> memory._content_hash(m.kind, m.session, m.content, m.metadata)
            and m.content_hash = memory._content_hash(k.name, m.session, m.content, m.metadata)
        limit 1) as a on true
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
'A page of a namespace''s live memories, each whole, as memory.import_records takes it; by cursor.';
