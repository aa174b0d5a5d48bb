-- Everything that happened to a memory, oldest first: entry, edits with what was before, uses by
-- day, ratings, decisions. Decisions stay after the memory is gone; its content does not. Of a memory
-- that expired with its whole partition it is the decision about all of them. Of an archived memory
-- the edits are told while it waits in the outbox; then they lie in its file. Who may not read the tables
-- is answered by memory._analyst_history.
create or replace function memory.history(p_namespace text, p_id uuid, p_now timestamptz default now())
returns table (at timestamptz, event text, detail jsonb)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if not has_schema_privilege('memory_data', 'usage') then
        return query select * from memory._analyst_history(p_namespace, p_id, p_now);
        return;
    end if;
    return query
    select h.at, h.event, h.detail
    from (
        select m.created_at as at, 'created' as event,
               jsonb_build_object('kind', m.kind, 'layer', m.layer, 'session', m.session) as detail
        from memory._memories as m
        where m.namespace = p_namespace and m.id = p_id and m.expires_at > p_now
        union all
        select o.created_at, 'created',
               jsonb_build_object('kind', o.kind, 'layer', o.layer, 'session', o.session)
        from memory_data.archive_outbox as o
        where o.namespace = p_namespace and o.id = p_id
        union all
        (select i.created_at, 'created', jsonb_build_object('kind', i.kind, 'layer', i.layer)
         from memory_data.archived as i
         where i.namespace = p_namespace and i.id = p_id and i.restored_at is null
         order by i.archived_at desc limit 1)
        union all
        select (e.edit ->> 'at')::timestamptz, 'edited',
               jsonb_build_object('before', e.edit - 'at')
        from memory_data.archive_outbox as o
        cross join lateral jsonb_array_elements(o.revisions) as e (edit)
        where o.namespace = p_namespace and o.id = p_id
        union all
        select r.at, 'edited',
               jsonb_build_object('before', to_jsonb(r) - array['namespace', 'id', 'at'])
        from memory_data.revision as r
        where r.namespace = p_namespace and r.id = p_id and exists (
            select from memory._memories as m
            where m.namespace = p_namespace and m.id = p_id and m.expires_at > p_now)
        union all
        select min(a.at), 'used', jsonb_build_object('times', count(*), 'source', a.source)
        from memory_data.access_event as a
        where a.namespace = p_namespace and a.id = p_id and a.source <> 'rate'
        group by date_trunc('day', a.at), a.source
        union all
        select a.at, 'rated', jsonb_build_object('rating', a.rating, 'session', a.session)
        from memory_data.access_event as a
        where a.namespace = p_namespace and a.id = p_id and a.source = 'rate'
        union all
        select d.at, d.action,
               jsonb_strip_nulls(to_jsonb(d) - array['namespace', 'id', 'at', 'action', 'job_run', 'members'])
        from memory_data.decision as d
        where d.namespace = p_namespace and d.id = p_id
        union all
        select d.at, d.action, jsonb_build_object('layer', d.layer, 'detail', d.detail, 'records', d.records)
        from memory_data.decision as d
        where d.namespace = p_namespace and d.id is null and d.at <= p_now
            and p_id between (d.detail ->> 'from_id')::uuid and (d.detail ->> 'to_id')::uuid
            and memory._holds_id(d.members, p_id)
            and not exists (select from memory._memories as m where m.namespace = p_namespace and m.id = p_id)
        union all
        select m.expires_at, 'expire', jsonb_build_object('layer', m.layer, 'kind', m.kind)
        from memory._memories as m
        where m.namespace = p_namespace and m.id = p_id and m.expires_at <= p_now
    ) as h
    order by h.at, h.event;
    if not found then
        raise exception 'memory % is not known', p_id
            using errcode = 'ML404',
                  detail = format('Namespace "%s" never held this id, or its traces are past.', p_namespace),
                  hint = format('select id, content from memory.records where namespace = %L;', p_namespace);
    end if;
end;
$function$;

comment on function memory.history is
'What happened to a memory, oldest first; decisions outlive the memory, its content does not.';
