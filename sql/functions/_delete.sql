-- Removes rows of one layer and everything that hangs on them.
create or replace function memory._delete(p_layer text, p_namespace text, p_ids uuid[])
returns table (id uuid, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    return query execute format(
        'delete from memory_data.%I as m where m.namespace = $1 and m.id = any ($2) '
        'returning m.id, m.kind', p_layer)
        using p_namespace, p_ids;
    if found then
        perform memory._delete_traces(p_namespace, p_ids);
    end if;
end;
$function$;

comment on function memory._delete is
'Delete rows of a layer by id, with usage, history, events and embedding failures.';
