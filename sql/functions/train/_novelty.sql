-- How new memories were when they came: the cosine distance to the nearest of the 64 memories of
-- their namespace created just before them. Those alone, so that the cost of a memory is bounded
-- (0.2 ms, all of a namespace of 10,000: 8 ms) and what comes later changes nothing: it is the same
-- at every moment a training row may look at. Null without a vector, or when nothing came before.
create or replace function memory._novelty(p_namespaces text[], p_ids uuid[])
returns table (namespace text, id uuid, novelty double precision)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_custom_plan
as $function$
#variable_conflict use_column
begin
    return query
    select m.namespace, m.id, n.distance
    from (select distinct u.namespace, u.id from unnest(p_namespaces, p_ids) as u (namespace, id)) as s
    join memory._memories as m on m.namespace = s.namespace and m.id = s.id
    cross join lateral (
        select min(b.embedding <=> m.embedding) as distance
        from (
            select o.embedding
            from memory._memories as o
            where o.namespace = m.namespace and (o.created_at, o.id) < (m.created_at, m.id)
                and o.model = m.model
            order by o.created_at desc, o.id desc
            limit 64) as b) as n
    where m.embedding is not null and n.distance is not null;
end;
$function$;

comment on function memory._novelty is
'Distance of memories to the nearest of the 64 stored just before them.';
