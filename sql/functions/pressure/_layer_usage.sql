-- How full each layer is, for memory.layers: who reads the view has no right to memory.measure_pressure,
-- which may also write. Of one namespace it tells nothing.
create or replace function memory._layer_usage()
returns table (
    layer text, partitions integer, disk_bytes bigint, live_bytes bigint, budget_bytes bigint,
    usage_percent double precision, level text
)
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select m.layer, m.partitions, m.disk_bytes, m.live_bytes, m.budget_bytes, m.usage_percent, m.level
from memory.measure_pressure(now(), true) as m
where m.layer <> 'total'
$function$;

comment on function memory._layer_usage is
'Bytes of each layer on disk and in use, its budget and its level, by memory.measure_pressure.';
