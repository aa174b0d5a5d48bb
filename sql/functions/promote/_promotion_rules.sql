-- What stands between a kind of a layer and the next layer: one row a route and criterion, the
-- route's overrides in the place of the step's thresholds or beside them.
create or replace function memory._promotion_rules(p_layer text)
returns table (
    route text, from_kind text, to_kind text, to_layer text, criterion text,
    threshold double precision, required boolean
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select r.name, r.from_kind, r.to_kind, t.layer, c.criterion, c.threshold, c.required
from memory_data.route as r
join memory_data.kind as k on k.name = r.from_kind and k.layer = p_layer
join memory_data.kind as t on t.name = r.to_kind
cross join lateral (
    select p.criterion, coalesce((r.overrides ->> p.criterion)::double precision, p.threshold), p.required
    from memory_data.promotion_rule as p
    where p.layer = p_layer
    union all
    select o.key, (o.value #>> '{}')::double precision, true
    from jsonb_each(r.overrides) as o
    where o.key not in (select p.criterion from memory_data.promotion_rule as p where p.layer = p_layer)
) as c (criterion, threshold, required)
$function$;

comment on function memory._promotion_rules is
'The criteria of each route out of a layer, with threshold and whether a value is required.';
