-- What the cheap criteria ask of live records of a layer: how often, over what time, how well rated.
--
-- access_count: uses since creation, at most one a record, session and minute. time_span: seconds
-- from the entry into the layer to the last use. user_rating: the mean, null when nobody rated.
-- Through numeric, for 4.1 as a float is more than 4.1.
create or replace function memory._measure_criteria(
    p_layer text, p_namespaces text[], p_ids uuid[], p_now timestamptz
)
returns table (
    namespace text, id uuid, kind text, verdict smallint, access_count double precision,
    time_span double precision, user_rating double precision
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select m.namespace, m.id, m.kind, u.verdict, coalesce(u.access_count, 0)::double precision,
    coalesce(greatest(0, extract(epoch from u.last_access - m.entered_at)), 0)::double precision,
    (u.rating_sum::numeric / nullif(u.rating_count, 0))::double precision
from unnest(p_namespaces, p_ids) as a (namespace, id)
-- by key, one probe a record: joined, the planner reads a whole layer for a page of 2,000
cross join lateral (
    select m.namespace, m.id, m.kind, m.entered_at
    from memory._memories as m
    where m.namespace = a.namespace and m.id = a.id and m.layer = p_layer and m.expires_at > p_now
    limit 1) as m
left join lateral (
    select * from memory_data.usage as u where u.namespace = a.namespace and u.id = a.id limit 1) as u on true
$function$;

comment on function memory._measure_criteria is
'Access count, time span and rating of live records of a layer, and their last verdict.';
