-- How near records are to what was asked lately in their namespace, 0..1: the share of the memories
-- of the same namespace and layer that are no nearer to it. 0.95 is among the nearest twentieth.
--
-- Nearness is the cosine to the nearest of the last questions (memory.note_queries, setting
-- recent_queries). A share, because cosines mean something else for every model and every namespace:
-- of two turns of one conversation they lie at 0.01 / 0.27 / 0.68 (1st, 50th, 99th percentile) with
-- MiniLM and at 0.78 / 0.85 / 0.92 with e5, so that "cosine > 0.8" lets nothing pass with one and
-- nearly everything with the other. It cannot starve a layer either: whatever is asked, a fifth of a
-- layer is above 0.8 and a twentieth above 0.95, and a record is judged soon after it was used, when
-- it is near. Compared with up to p_peers memories (those that expire first), which gives a standard
-- error of 0.02 at 0.95.
--
-- Where no question is known (an app that searches by words only, or calls SQL and notes none), uses
-- stand for questions: the value last known, otherwise the share of these memories used no more than
-- this one (decayed uses). A record never used has none then.
create or replace function memory._context_relevance(
    p_layer text, p_namespaces text[], p_ids uuid[], p_now timestamptz, p_peers integer default 100
)
returns table (namespace text, id uuid, value double precision, source text)
language sql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
with ring as materialized (
    select q.namespace, q.model, array_agg(q.embedding) as asked
    from memory_data.recent_query as q
    where q.namespace = any (p_namespaces)
        and q.model = (select e.id from memory_data.embedding_model as e where e.active)
    group by q.namespace, q.model
),
peer as materialized (
    select r.namespace, array_agg(p.near order by p.near) as nears
    from ring as r
    cross join lateral (
        select (select max(1 - (m.embedding <=> q.asked)) from (select unnest(r.asked) as asked) as q) as near
        from (
            select m.embedding
            from memory._memories as m
            where m.namespace = r.namespace and m.layer = p_layer and m.expires_at > p_now
                and m.embedding is not null and m.model = r.model
            limit p_peers) as m) as p
    group by r.namespace
),
record as materialized (
    select m.namespace, m.id, l.half_life, u.context_relevance::numeric::double precision as known,
        memory._decayed_uses(u.access_count, u.first_access, u.last_access, l.half_life, p_now) as uses,
        (select max(1 - (m.embedding <=> q.asked)) from (select unnest(r.asked) as asked) as q) as near
    from unnest(p_namespaces, p_ids) as a (namespace, id)
    -- by key, one probe a record: joined, the planner reads a whole layer for a page of 2,000
    cross join lateral (
        select m.namespace, m.id, m.model, m.embedding
        from memory._memories as m
        where m.namespace = a.namespace and m.id = a.id and m.layer = p_layer and m.expires_at > p_now
        limit 1) as m
    join memory_data.layer as l on l.name = p_layer
    left join lateral (
        select * from memory_data.usage as u where u.namespace = a.namespace and u.id = a.id limit 1) as u on true
    left join ring as r on r.namespace = m.namespace and r.model = m.model
),
used as materialized (
    select n.namespace, array_agg(p.uses order by p.uses) as uses
    from (select distinct r.namespace, r.half_life from record as r
          where r.near is null and r.known is null and r.uses > 0) as n
    cross join lateral (
        select memory._decayed_uses(
            u.access_count, u.first_access, u.last_access, n.half_life, p_now) as uses
        from (
            select m.namespace, m.id
            from memory._memories as m
            where m.namespace = n.namespace and m.layer = p_layer and m.expires_at > p_now
            limit p_peers) as m
        left join lateral (
            select * from memory_data.usage as u where u.namespace = m.namespace and u.id = m.id limit 1) as u on true) as p
    group by n.namespace
)
select r.namespace, r.id,
    case
        when r.near is not null then width_bucket(r.near, p.nears)::double precision / cardinality(p.nears)
        when r.known is not null then r.known
        when r.uses > 0 then width_bucket(r.uses, d.uses)::double precision / cardinality(d.uses)
    end,
    case
        when r.near is not null then 'queries'
        when r.known is not null then 'known'
        when r.uses > 0 then 'uses'
    end
from record as r
left join peer as p on p.namespace = r.namespace
left join used as d on d.namespace = r.namespace
$function$;

comment on function memory._context_relevance is
'How near records are to the recent questions of their namespace, as a share of its memories.';
