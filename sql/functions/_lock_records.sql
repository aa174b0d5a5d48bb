-- Locks records of a layer before they move or go, always in the order of their keys, so that two
-- that move overlapping sets never wait for each other in a ring. What is no longer in the layer is
-- left out. Returns how many were locked.
create or replace function memory._lock_records(p_layer text, p_namespaces text[], p_ids uuid[])
returns bigint
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_locked bigint;
begin
    execute format(
        'select count(*) from ('
        'select from memory_data.%I as m '
        'join (select distinct k.namespace, k.id from unnest($1, $2) as k (namespace, id)) as k '
        'on k.namespace = m.namespace and k.id = m.id '
        'order by m.namespace, m.id for update of m) as l', p_layer)
    into v_locked using p_namespaces, p_ids;
    return v_locked;
end;
$function$;

comment on function memory._lock_records is
'Lock records of a layer in the order of their keys; returns how many there were.';
