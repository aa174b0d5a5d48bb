-- The name of a layer, before it becomes part of a statement.
create or replace function memory._check_layer(p_layer text)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if not exists (select from memory_data.layer as l where l.name = p_layer) then
        raise exception 'layer "%" does not exist', coalesce(p_layer, 'null')
            using errcode = 'ML404',
                  detail = (select 'There are: ' || string_agg(l.name, ', ' order by l.position)
                            from memory_data.layer as l),
                  hint = 'select layer from memory.layers;';
    end if;
end;
$function$;

comment on function memory._check_layer is 'ML404 unless there is such a layer.';
