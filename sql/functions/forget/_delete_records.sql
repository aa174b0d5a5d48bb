-- Removes rows of one layer; what hangs on them is the caller's to remove (memory._delete_traces). Locked
-- first, in the order of their keys: a batch that is being promoted is waited for, without a deadlock.
create or replace function memory._delete_records(p_layer text, p_namespace text, p_ids uuid[])
returns table (id uuid, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._lock_records(p_layer, (select array_agg(p_namespace) from unnest(p_ids)), p_ids);
    return query execute format(
        'delete from memory_data.%I as m where m.namespace = $1 and m.id = any ($2) '
        'returning m.id, m.kind', p_layer)
        using p_namespace, p_ids;
end;
$function$;

comment on function memory._delete_records is
'Delete rows of a layer by id; returns those that were there.';
