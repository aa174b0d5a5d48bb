-- How many records of a layer, lowest worth first, must go until p_bytes of what memory.measure_pressure
-- calls live are free: their number, their bytes as memory.evict counts them, and their live bytes.
--
-- memory.evict knows what a record occupies by itself. On disk it is more or less: texts over 2 kB are
-- compressed, a partition may have an HNSW index or be compressed. Freeing 2 MB of 3 by such bytes emptied
-- layers or ended half way. So the bytes measured of a partition are shared out among its rows, by what
-- each has in the heap and in TOAST; pinned and expired rows have their share. One pass over the layer, as
-- memory._least_worth makes one.
--
-- p_left: which share of the measured bytes is of rows that are still there; p_skip: namespace/id of
-- records that go another way. Owner's rights: measuring is the owner's.
create or replace function memory._eviction_need(
    p_layer text, p_bytes bigint, p_now timestamptz, p_limit integer, p_left double precision, p_skip text[]
)
returns table (records integer, size bigint, freed bigint)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
declare
    -- a row's bytes in the heap: header and fixed columns, short values, pointers to long ones
    v_inside text := '180';
    v_outside text := '0';
    v_column text;
begin
    foreach v_column in array '{content,search,metadata,embedding}'::text[] loop
        v_inside := v_inside || format(
            ' + case when pg_column_toast_chunk_id(m.%1$I) is null then coalesce(pg_column_size(m.%1$I), 0) else 18 end',
            v_column);
        v_outside := v_outside || format(
            ' + case when pg_column_toast_chunk_id(m.%1$I) is null then 0 else pg_column_size(m.%1$I) end', v_column);
    end loop;
    return query execute format($query$
        with share as materialized (
            select s.tableoid, (p.live_bytes - p.live_toast_bytes) * $5 / s.inside as inside,
                coalesce(p.live_toast_bytes * $5 / nullif(s.outside, 0), 0) as outside
            from (select m.tableoid, sum(%2$s) as inside, sum(%3$s) as outside
                  from memory_data.%1$I as m group by m.tableoid) as s
            join memory._measure_partitions($2, false) as p
                on to_regclass(format('memory_data.%%I', p.name)) = s.tableoid
        ),
        going as (
            select w.size, w.bytes,
                sum(w.bytes) over (order by w.worth, w.namespace, w.id) - w.bytes as before
            from (
                select c.worth, c.namespace, c.id, c.size, (%2$s) * s.inside + (%3$s) * s.outside as bytes
                from memory._least_worth($1, $2, $3 + cardinality($6)) as c
                join memory_data.%1$I as m on m.namespace = c.namespace and m.id = c.id
                join share as s on s.tableoid = m.tableoid
                where $6 = '{}' or c.namespace || '/' || c.id <> all ($6)
                order by c.worth, c.namespace, c.id
                limit $3) as w
        )
        select count(*)::integer, coalesce(sum(g.size), 0)::bigint, coalesce(sum(g.bytes), 0)::bigint
        from going as g
        where g.before < $4
        $query$, p_layer, v_inside, v_outside)
    using p_layer, p_now, p_limit, p_bytes, p_left, p_skip;
end;
$function$;

comment on function memory._eviction_need is
'How many records of the lowest worth free so many bytes as measured, and their bytes.';
