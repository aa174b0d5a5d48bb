-- What the cheap criteria ask of live records of a layer: how often, over what time, how well rated.
--
-- access_count: uses since creation, at most one a record, session and minute. time_span: seconds
-- from the entry into the layer to the last use. user_rating: the mean, null when nobody rated.
-- Through numeric, for 4.1 as a float is more than 4.1.
create or replace function memory._measure(
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
join memory._memories as m
    on m.namespace = a.namespace and m.id = a.id and m.layer = p_layer and m.expires_at > p_now
left join memory_data.usage as u on u.namespace = a.namespace and u.id = a.id
$function$;

comment on function memory._measure is
'Access count, time span and rating of live records of a layer, and their last verdict.';
