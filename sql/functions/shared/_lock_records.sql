-- Locks records of a layer before they move or go, always in the order of their keys, so that two
-- that move overlapping sets never deadlock. What is no longer in the layer is
-- left out. Returns how many were locked.
create or replace function memory._lock_records(p_layer text, p_namespaces text[], p_ids uuid[])
returns bigint
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_locked bigint;
begin
    -- a probe a key: joined, the planner may read and sort the whole layer
    execute format(
        'select count(*) '
        'from (select distinct k.namespace, k.id from unnest($1, $2) as k (namespace, id) '
        '      order by k.namespace, k.id) as k '
        'cross join lateral ('
        '  select from memory_data.%I as m where m.namespace = k.namespace and m.id = k.id '
        '  for update) as l', p_layer)
    into v_locked using p_namespaces, p_ids;
    return v_locked;
end;
$function$;

comment on function memory._lock_records is
'Lock records of a layer in the order of their keys; returns how many there were.';
