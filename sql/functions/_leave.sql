-- Records of a layer, whose rows the caller has locked, leave it for a reason (evict): they are
-- deleted with everything that hangs on them. Returns what became of each.
create or replace function memory._leave(
    p_layer text, p_namespaces text[], p_ids uuid[], p_reason text, p_now timestamptz
)
returns table (namespace text, id uuid, action text)
language sql
set search_path to pg_catalog, pg_temp
as $function$
select n.namespace, d.id, p_reason
from (select r.namespace, array_agg(r.id) as ids
      from unnest(p_namespaces, p_ids) as r (namespace, id)
      group by r.namespace
      order by r.namespace) as n
cross join lateral memory._delete(p_layer, n.namespace, n.ids) as d
$function$;

comment on function memory._leave is
'Let locked records leave a layer for good; returns what became of each.';
