-- After records moved or were judged: usage rows get their verdict (null for what moved: it is to be
-- judged anew in its new layer), and the uses and ratings of a merged record go to its twin. Locked
-- in the order of their keys first, as memory._count_uses writes them; then with a fresh snapshot.
create or replace function memory._settle_usage(
    p_namespaces text[], p_ids uuid[], p_verdicts smallint[], p_contexts double precision[],
    p_twins uuid[]
)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    perform
    from (
        select distinct k.namespace, v.id
        from unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
        cross join lateral (values (k.id), (k.twin)) as v (id)
        order by k.namespace, v.id) as k
    cross join lateral (
        select from memory_data.usage as u where u.namespace = k.namespace and u.id = k.id for update) as l;

    update memory_data.usage as u
    set verdict = k.verdict, context_relevance = coalesce(k.context, u.context_relevance)
    from unnest(p_namespaces, p_ids, p_verdicts, p_contexts) as k (namespace, id, verdict, context)
    where u.namespace = k.namespace and u.id = k.id;

    insert into memory_data.usage as u
        (namespace, id, access_count, first_access, last_access, rating_sum, rating_count)
    select m.namespace, k.twin, m.access_count, m.first_access, m.last_access, m.rating_sum,
        m.rating_count
    from unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
    join memory_data.usage as m on m.namespace = k.namespace and m.id = k.id
    where k.twin is not null
    order by m.namespace, k.twin
    on conflict (namespace, id) do update
    set access_count = u.access_count + excluded.access_count,
        first_access = least(u.first_access, excluded.first_access),
        last_access = greatest(u.last_access, excluded.last_access),
        rating_sum = u.rating_sum + excluded.rating_sum,
        rating_count = u.rating_count + excluded.rating_count;
    delete from memory_data.usage as u
    using unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
    where k.twin is not null and u.namespace = k.namespace and u.id = k.id;
    delete from memory_data.revision as r
    using unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
    where k.twin is not null and r.namespace = k.namespace and r.id = k.id;
    delete from memory_data.score as s
    using unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
    where k.twin is not null and s.namespace = k.namespace and s.id = k.id;
    delete from memory_data.embedding_failure as f
    using unnest(p_namespaces, p_ids, p_twins) as k (namespace, id, twin)
    where k.twin is not null and f.namespace = k.namespace and f.id = k.id;
end;
$function$;

comment on function memory._settle_usage is
'Store verdicts in usage; what hangs on a merged record goes to its twin or goes.';
