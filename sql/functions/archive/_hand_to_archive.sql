-- Takes memories out of their layer into the archive's outbox, with usage, history and a decision, in
-- one statement: at every instant a memory is in its layer or in the outbox. What is expired, pinned
-- or not there any more (each is looked at again once its lock is held) stays out of it.
--
-- Usage and history move along. The events stay where they are, because training reads them and
-- they go by their own retention; the outbox takes a copy, for a restore after that.
--
-- p_decide false: the caller keeps the decision, with values of its own (memory.evict).
create or replace function memory._hand_to_archive(
    p_layer text, p_namespaces text[], p_ids uuid[], p_reason text, p_now timestamptz default now(),
    p_decide boolean default true
)
returns table (namespace text, id uuid, kind text, size integer)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_layer(p_layer);
    -- In key order, as everybody who moves rows does. A statement of its own: the next one sees what
    -- those it waited for committed.
    execute format(
        'select from memory_data.%I as m where (m.namespace, m.id) in (select * from unnest($1, $2)) '
        'order by m.namespace, m.id for update', p_layer)
    using p_namespaces, p_ids;

    -- An older copy is superseded: a restored backup may have brought the memory back to its layer.
    execute format(
        'delete from memory_data.archive_outbox as o '
        'using unnest($1, $2) as n (namespace, id), memory_data.%I as m '
        'where o.namespace = n.namespace and o.id = n.id '
        'and m.namespace = n.namespace and m.id = n.id and m.expires_at > $3 and not m.pinned', p_layer)
    using p_namespaces, p_ids, p_now;

    return query execute format($move$
        with moved as (
            delete from memory_data.%I as m
            using (select distinct n.namespace, n.id from unnest($1, $2) as n (namespace, id)) as n
            where m.namespace = n.namespace and m.id = n.id and m.expires_at > $3 and not m.pinned
            returning m.*
        ),
        used as (
            delete from memory_data.usage as u using moved as m
            where u.namespace = m.namespace and u.id = m.id
            returning u.*
        ),
        edited as (
            delete from memory_data.revision as r using moved as m
            where r.namespace = m.namespace and r.id = m.id
            returning r.*
        ),
        scored as (
            delete from memory_data.score as s using moved as m
            where s.namespace = m.namespace and s.id = m.id
        ),
        unembeddable as (
            delete from memory_data.embedding_failure as f using moved as m
            where f.namespace = m.namespace and f.id = m.id
        ),
        decided as (
            insert into memory_data.decision (namespace, id, at, action, layer, kind, job_run, detail)
            select m.namespace, m.id, $3, 'archive', $4, m.kind, memory._job_run(), jsonb_build_object('reason', $5)
            from moved as m where $6
        )
        insert into memory_data.archive_outbox
            (namespace, id, archived_at, reason, layer, kind, content, content_hash, embedding,
             model, language, metadata, session, turn, importance, pinned, created_at, entered_at,
             expires_at, size, usage, revisions, events)
        select m.namespace, m.id, $3, $5, $4, m.kind, m.content, m.content_hash, m.embedding,
            m.model, m.language, m.metadata, m.session, m.turn, m.importance, m.pinned, m.created_at,
            m.entered_at, m.expires_at, m.size, to_jsonb(u) - array['namespace', 'id'],
            coalesce(r.revisions, '[]'), coalesce(e.events, '[]')
        from moved as m
        left join used as u on u.namespace = m.namespace and u.id = m.id
        left join (
            select r.namespace, r.id, jsonb_agg(to_jsonb(r) - array['namespace', 'id'] order by r.at)
                as revisions
            from edited as r
            group by r.namespace, r.id) as r on r.namespace = m.namespace and r.id = m.id
        cross join lateral (
            select jsonb_agg(to_jsonb(a) - array['namespace', 'id'] order by a.at) as events
            from memory_data.access_event as a
            where a.namespace = m.namespace and a.id = m.id) as e
        order by m.namespace, m.id
        returning namespace, id, kind, size
        $move$, p_layer)
    using p_namespaces, p_ids, p_now, p_layer, p_reason, p_decide;
    perform memory._note_change(n.namespace)
    from (select distinct o.namespace
          from memory_data.archive_outbox as o
          join unnest(p_namespaces, p_ids) as n (namespace, id)
              on n.namespace = o.namespace and n.id = o.id
          order by o.namespace) as n;
end;
$function$;

comment on function memory._hand_to_archive is
'Move live, unpinned memories of a layer to the archive''s outbox; returns those that went.';
