-- What every partition takes on disk and how much of it holds something: the one place where bytes in
-- use are counted. measure_pressure sums it, and whatever tells usage reads that.
--
-- live_bytes are those of rows, of their entries in indexes and of their TOAST (live_toast_bytes, part of
-- them); empty_bytes those a partition takes before a row is in it; free_bytes the rest, which rows left
-- behind.
--
-- Sizes are always of this moment. The free share of heap and TOAST comes from memory._free_share,
-- looked up anew only where a partition changed: another file or vacuum, or rows changed or died by at
-- least a hundredth. Without the right to call pgstattuple_approx it is dead rows / all rows (method
-- estimate), which misses what vacuum freed, unless that was all. Of an index the same share is taken as
-- free as of its heap, for its entries go with the rows: an estimate whatever the method.
--
-- A second caller (p_write false, or another one writes) takes what is known and keeps nothing, so
-- that it never waits.
create or replace function memory._measure_partitions(p_now timestamptz, p_write boolean)
returns table (
    layer text, name text, past boolean, closed boolean, heap_bytes bigint, index_bytes bigint,
    toast_bytes bigint, live_bytes bigint, live_toast_bytes bigint, empty_bytes bigint, free_bytes bigint,
    method text, scanned boolean
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_part record;
    v_approx constant boolean := coalesce(has_function_privilege(
        to_regprocedure('public.pgstattuple_approx(regclass)'), 'execute'), false);
    v_heap_free double precision;
    v_toast_free double precision;
    v_disk bigint;
    v_share double precision;
begin
    for v_part in
        select p.*, k.method, k.heap_free, k.toast_free,
            k.name is null or k.filenode <> p.filenode or k.vacuums <> p.vacuums
                or (k.method = 'estimate') = v_approx
                or abs(k.changes - p.changes) > p.rows / 100
                or abs(k.dead_rows - p.dead_rows) > p.rows / 100
                or (k.heap_free = 1 and k.heap_bytes <> p.heap_bytes)
                or (k.changes <> p.changes and k.heap_bytes <> p.heap_bytes
                    and abs(k.heap_bytes - p.heap_bytes) > p.heap_bytes / 100) as changed
        from memory._layer_partitions(p_now) as p
        left join memory_data.partition_size as k on k.name = p.name
        order by p.name
    loop
        v_heap_free := v_part.heap_free;
        v_toast_free := v_part.toast_free;
        if v_part.changed then
            if v_part.heap_bytes = 0 then
                v_heap_free := 1;
                v_toast_free := 1;
            elsif v_approx then
                v_heap_free := memory._free_share(v_part.oid);
                v_toast_free := case when v_part.toast_bytes > 1 << 20
                                     then memory._free_share(v_part.toast) else v_heap_free end;
            else
                execute format('select case when exists (select from memory_data.%I) then $1 else 1 end', v_part.name)
                into v_heap_free
                using v_part.dead_rows::double precision
                    / greatest(v_part.live_rows + v_part.dead_rows, v_part.rows, 1);
                v_toast_free := v_heap_free;
            end if;
            if p_write then
                insert into memory_data.partition_size as k
                    (name, layer, method, scanned_at, heap_bytes, filenode, changes, dead_rows, vacuums,
                     heap_free, toast_free)
                values (v_part.name, v_part.layer, case when v_approx then 'pgstattuple_approx' else 'estimate' end,
                        p_now, v_part.heap_bytes, v_part.filenode, v_part.changes, v_part.dead_rows,
                        v_part.vacuums, v_heap_free, v_toast_free)
                on conflict (name) do update
                set layer = excluded.layer, method = excluded.method, scanned_at = excluded.scanned_at,
                    heap_bytes = excluded.heap_bytes, filenode = excluded.filenode,
                    changes = excluded.changes, dead_rows = excluded.dead_rows,
                    vacuums = excluded.vacuums, heap_free = excluded.heap_free,
                    toast_free = excluded.toast_free;
            end if;
        end if;
        layer := v_part.layer;
        name := v_part.name;
        past := v_part.past;
        closed := v_part.closed;
        heap_bytes := v_part.heap_bytes;
        index_bytes := v_part.index_bytes;
        toast_bytes := v_part.toast_bytes;
        empty_bytes := least(v_part.empty_bytes, v_part.index_bytes + v_part.toast_bytes);
        v_disk := v_part.heap_bytes + v_part.index_bytes + v_part.toast_bytes;
        v_share := case when v_part.past or v_disk = 0 then 0 else 1 - empty_bytes / v_disk::double precision end;
        live_toast_bytes := v_part.toast_bytes * (1 - v_toast_free) * v_share;
        live_bytes := live_toast_bytes + (v_part.heap_bytes + v_part.index_bytes) * (1 - v_heap_free) * v_share;
        free_bytes := v_disk - empty_bytes - live_bytes;
        method := case when v_part.changed
                       then case when v_approx then 'pgstattuple_approx' else 'estimate' end
                       else v_part.method end;
        scanned := v_part.changed and v_part.heap_bytes > 0;
        return next;
    end loop;
    if p_write then
        delete from memory_data.partition_size as k
        where to_regclass(format('memory_data.%I', k.name)) is null;
    end if;
end;
$function$;

comment on function memory._measure_partitions is
'Bytes of every partition of the layers: in use, free, and what it takes while it is empty.';
