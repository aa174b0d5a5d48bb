-- Remember what was asked: the vectors of searches, given as parallel arrays, into the ring of the
-- last `recent_queries` of each namespace. They are the context that memory._context_relevance
-- compares memories with. A question that is in the ring already only becomes the newest again, so
-- that one asked every minute does not push out all others.
--
-- Two callers at once may pick the same place of a ring: one question less, and no wait.
create or replace function memory.note_queries(
    p_namespaces text[], p_embeddings halfvec[], p_now timestamptz default now()
)
returns table (namespace text, noted bigint)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_model record;
    v_size integer := memory._setting('recent_queries')::integer;
    v_dim integer;
begin
    select * into v_model from memory._active_model();
    select vector_dims(e.embedding) into v_dim
    from unnest(p_embeddings) as e (embedding)
    where vector_dims(e.embedding) is distinct from v_model.dim or l2_norm(e.embedding) = 0
    limit 1;
    if found then
        raise exception 'a query vector is not usable'
            using errcode = 'ML422',
                  detail = format('Given: %s dimensions; model "%s" has %s, and a vector needs a direction.',
                                  coalesce(v_dim::text, 'no'), coalesce(v_model.name, 'none'),
                                  coalesce(v_model.dim, 0)),
                  hint = 'select * from memory._active_model();';
    end if;
    return query
    with asked as materialized (
        -- the newest of a batch come last
        select a.namespace, a.embedding, a.place
        from (
            select q.namespace, q.embedding, max(q.place) as place,
                row_number() over (partition by q.namespace order by max(q.place) desc) as age
            from unnest(p_namespaces, p_embeddings) with ordinality as q (namespace, embedding, place)
            where q.namespace is not null
            group by q.namespace, q.embedding) as a
        where a.age <= v_size
    ),
    known as materialized (
        select a.namespace, a.place, r.slot
        from asked as a
        join memory_data.recent_query as r
            on r.namespace = a.namespace and r.embedding = a.embedding and r.slot < v_size
    ),
    free as materialized (
        select n.namespace, s.slot,
            row_number() over (partition by n.namespace order by r.at nulls first, s.slot) as turn
        from (select distinct a.namespace from asked as a) as n
        cross join generate_series(0, v_size - 1) as s (slot)
        left join memory_data.recent_query as r on r.namespace = n.namespace and r.slot = s.slot
        where (n.namespace, s.slot) not in (select k.namespace, k.slot from known as k)
    ),
    fresh as materialized (
        select a.namespace, a.place, row_number() over (partition by a.namespace order by a.place) as turn
        from asked as a
        where (a.namespace, a.place) not in (select k.namespace, k.place from known as k)
    ),
    put as (
        insert into memory_data.recent_query as r (namespace, slot, embedding, model, at)
        select a.namespace, coalesce(k.slot, f.slot), a.embedding, v_model.model_id, p_now
        from asked as a
        left join known as k on k.namespace = a.namespace and k.place = a.place
        left join fresh as w on w.namespace = a.namespace and w.place = a.place
        left join free as f on f.namespace = w.namespace and f.turn = w.turn
        where coalesce(k.slot, f.slot) is not null
        -- always in the same order, so that two callers never deadlock
        order by a.namespace, coalesce(k.slot, f.slot)
        on conflict (namespace, slot) do update
        set embedding = excluded.embedding, model = excluded.model, at = excluded.at
        returning r.namespace
    )
    select p.namespace, count(*) from put as p group by p.namespace order by p.namespace;
    delete from memory_data.recent_query as r
    where r.namespace = any (p_namespaces) and r.slot >= v_size;
end;
$function$;

comment on function memory.note_queries is
'Remember the vectors of what was asked, the last few of a namespace: the context of its memories.';
