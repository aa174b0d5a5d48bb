-- A layer's number, as candidates carry it.
create or replace function memory._layer_code(p_layer text)
returns smallint
language sql
immutable
parallel safe
as $function$
select (case p_layer when 'interact' then 1 when 'insights' then 2 else 3 end)::smallint
$function$;

comment on function memory._layer_code is 'interact 1, insights 2, assets 3.';
