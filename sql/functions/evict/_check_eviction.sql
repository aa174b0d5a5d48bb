-- Refuses an eviction that says nothing usable; the first fault is raised.
create or replace function memory._check_eviction(p_layer text, p_bytes bigint, p_limit integer)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if not exists (select from memory_data.layer as l where l.name = p_layer) then
        raise exception 'layer "%" does not exist', p_layer
            using errcode = 'ML404',
                  detail = (select 'Known: ' || string_agg(l.name, ', ' order by l.position)
                            from memory_data.layer as l),
                  hint = 'select * from memory.layers;';
    end if;
    if p_bytes is null or p_bytes < 0 or p_limit is null or p_limit < 1 then
        raise exception 'an eviction needs bytes to free, 0 or more, and a limit, 1 or more'
            using errcode = 'ML422',
                  detail = format('Given: %s bytes, at most %s records.',
                                  coalesce(p_bytes::text, 'null'), coalesce(p_limit::text, 'null')),
                  hint = format('select * from memory.evict(%L, 1000000, p_dry_run => true);', p_layer);
    end if;
end;
$function$;

comment on function memory._check_eviction is
'ML404 for a layer that does not exist, ML422 for bytes or a limit that are not usable.';
