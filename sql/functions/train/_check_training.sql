-- Refuses a horizon that is none, and a layer there is not.
create or replace function memory._check_training(p_horizon interval, p_layer text)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if p_horizon <= interval '0' then
        raise exception 'a horizon is a time longer than 0'
            using errcode = 'ML422', detail = format('Given: %s.', p_horizon),
                  hint = 'magray train --horizon ''6 hours''';
    end if;
    if p_layer is not null and not exists (select from memory_data.layer as l where l.name = p_layer) then
        raise exception 'there is no layer "%"', p_layer
            using errcode = 'ML404',
                  detail = format('Layers: %s.', (select string_agg(l.name, ', ' order by l.position)
                                                  from memory_data.layer as l)),
                  hint = 'select * from memory.layers;';
    end if;
end;
$function$;

comment on function memory._check_training is 'Refuse a horizon or a layer that is none.';
