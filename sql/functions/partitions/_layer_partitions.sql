-- The partitions of the layers with what stands in the catalogue about them: bounds, sizes, counters.
-- Sizes are asked of the file system: 100 partitions in 15 ms.
--
-- empty_bytes: what it takes while no row is in it, the first pages of its indexes.
--
-- past: everything in it has expired, it waits to be dropped. closed: no new memory enters it by the
-- layer's own ttl (a caller's own ttl may).
create or replace function memory._layer_partitions(p_now timestamptz, p_layer text default null)
returns table (
    layer text, name text, oid oid, filenode oid, starts timestamptz, ends timestamptz, past boolean,
    closed boolean, heap_bytes bigint, index_bytes bigint, toast oid, toast_bytes bigint, empty_bytes bigint,
    rows bigint, live_rows bigint, dead_rows bigint, changes bigint, vacuums bigint
)
language sql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
select l.name, c.relname::text, c.oid, c.relfilenode, b.starts, b.ends,
    l.partition_key = 'expires_at' and b.ends <= p_now,
    b.ends <= p_now + case l.partition_key when 'expires_at' then l.ttl else interval '0' end,
    pg_table_size(c.oid) - coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0),
    pg_indexes_size(c.oid), nullif(c.reltoastrelid, 0),
    coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0),
    -- a b-tree begins with one page, GIN and HNSW with two; the TOAST table has a b-tree
    (select current_setting('block_size')::integer
            * (sum(case a.amname when 'btree' then 1 else 2 end) + (c.reltoastrelid <> 0)::integer)
     from pg_index as x
     join pg_class as k on k.oid = x.indexrelid
     join pg_am as a on a.oid = k.relam
     where x.indrelid = c.oid)::bigint,
    greatest(c.reltuples, s.n_live_tup, 0)::bigint, coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0),
    coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0), coalesce(s.vacuum_count + s.autovacuum_count, 0)
from memory_data.layer as l
join pg_inherits as i on i.inhparent = to_regclass(format('memory_data.%I', l.name))
join pg_class as c on c.oid = i.inhrelid
left join pg_stat_user_tables as s on s.relid = c.oid
cross join lateral (
    -- 'FOR VALUES FROM (lower) TO (upper)'
    select regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)')) as e (bound)
cross join lateral (select e.bound[1]::timestamptz as starts, e.bound[2]::timestamptz as ends) as b
where p_layer is null or l.name = p_layer
$function$;

comment on function memory._layer_partitions is
'The partitions of the layers: bounds, bytes on disk, rows and changes as the catalogue knows them.';
