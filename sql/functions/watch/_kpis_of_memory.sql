-- Size, usage, pressure and fragmentation of each layer and in total; measures, and keeps nothing.
-- lasting_pressure is what alerts read: medium is where a relief leaves a full layer, and asks for nobody
-- but where nothing is evicted by itself.
create or replace function memory._kpis_of_memory(p_now timestamptz)
returns table (kpi text, scope text, place integer, value double precision, label text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select v.kpi, m.layer, m.place::integer, v.value, v.label
from memory.measure_pressure(p_now, true) with ordinality as m (
    layer, heap_bytes, index_bytes, toast_bytes, disk_bytes, live_bytes, empty_bytes, free_bytes,
    reusable_bytes, stranded_bytes, fragmentation_percent, method, partitions, scanned, max_bytes, borrowed_bytes,
    budget_bytes, usage_percent, level, since, place)
left join memory_data.layer as l on l.name = m.layer
cross join lateral (select array_position(array['low', 'medium', 'high'], m.level)::double precision - 1 as level) as p
cross join lateral (values
    ('size', m.disk_bytes::double precision, null),
    ('usage', m.usage_percent, null),
    ('pressure', p.level, m.level),
    ('lasting_pressure', case when l.eviction_policy = 'manual' or m.level = 'high' then p.level else 0 end, null),
    ('fragmentation', m.fragmentation_percent, null)) as v (kpi, value, label)
$function$;

comment on function memory._kpis_of_memory is
'The KPIs of memory.kpis that are about bytes: kpi, scope, place among its scopes, value, words.';
