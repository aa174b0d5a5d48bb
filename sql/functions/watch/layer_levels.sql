-- How full each layer is, as somebody sees it who looks every few seconds: bytes against the budget,
-- the level, about how many memories. Costs what memory.measure_pressure costs, reads no memory:
-- `memories` is what the last vacuum or analyze counted, and of partitions neither has seen with
-- rows in it what the statistics of this server saw being written.
create or replace function memory.layer_levels(p_now timestamptz default now())
returns table (
    layer text, live_bytes bigint, disk_bytes bigint, budget_bytes bigint, borrowed_bytes bigint,
    usage_percent double precision, fragmentation_percent double precision, level text, since timestamptz,
    memories bigint, ttl interval, eviction_policy text, kinds text[]
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select m.layer, m.live_bytes, m.disk_bytes, m.budget_bytes, m.borrowed_bytes, m.usage_percent,
    m.fragmentation_percent, m.level, m.since,
    (select coalesce(sum(case when c.reltuples > 0 then c.reltuples
        else pg_stat_get_live_tuples(c.oid) end), 0)::bigint
     from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
     where i.inhparent = to_regclass(format('memory_data.%I', l.name))),
    l.ttl, l.eviction_policy,
    array(select k.name from memory_data.kind as k where k.layer = l.name order by k.name)
from memory.measure_pressure(p_now, true) as m
join memory_data.layer as l on l.name = m.layer
order by l.position
$function$;

comment on function memory.layer_levels is
'How full each layer is: bytes, budget, pressure, about how many memories.';
