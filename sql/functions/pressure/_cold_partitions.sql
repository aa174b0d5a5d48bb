-- Partitions that may be compressed: closed for compress_cold_hours, not about to be dropped, and of
-- whose memories at most compress_used_percent were used in that time. The largest come first, and
-- only as many as asked for are looked into.
create or replace function memory._cold_partitions(p_layer text, p_now timestamptz, p_limit integer)
returns table (layer text, name text, rows bigint, used bigint, bytes bigint)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_cold constant interval := make_interval(hours => memory._setting('compress_cold_hours')::integer);
    v_percent constant double precision := memory._setting('compress_used_percent')::double precision;
    v_part record;
    v_count integer := 0;
begin
    for v_part in
        select p.layer, p.name, p.rows, p.heap_bytes + p.index_bytes + p.toast_bytes as bytes
        from memory._layer_partitions(p_now - v_cold, p_layer) as p
        where p.closed and p.rows > 0
            and not exists (select from memory._layer_partitions(p_now, p_layer) as n where n.name = p.name and n.past)
            and not exists (select from memory_data.compression as c where c.partition_name = p.name)
        order by bytes desc, p.name
    loop
        exit when v_count >= p_limit;
        execute format('select count(*), count(u.id) from memory_data.%I as m '
                       'left join memory_data.usage as u '
                       'on u.namespace = m.namespace and u.id = m.id and u.last_access > $1', v_part.name)
        into rows, used using p_now - v_cold;
        continue when used > rows * v_percent / 100;
        v_count := v_count + 1;
        layer := v_part.layer;
        name := v_part.name;
        bytes := v_part.bytes;
        return next;
    end loop;
end;
$function$;

comment on function memory._cold_partitions is
'Partitions closed for new memories and little used, which may be compressed; the largest first.';
