-- Returns what the indexes of partitions without a row still take: their rows were evicted, forgotten or
-- promoted, vacuum returned the heap, and a b-tree keeps its pages. As nobody can see a row of a heap
-- without a page, TRUNCATE takes nothing from anybody's snapshot; it takes some milliseconds, and only where
-- nobody uses the partition at this moment: nobody waits in line behind us. Otherwise the next relief, in
-- a minute, tries again. Locks its partitions until the end; owner's rights.
create or replace function memory._return_empty_partitions(p_layer text, p_now timestamptz, p_dry_run boolean)
returns table (partition_name text, bytes_before bigint, bytes_after bigint)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_part record;
    v_table regclass;
begin
    for v_part in
        select p.name, p.index_bytes + p.toast_bytes + p.heap_bytes as bytes, p.empty_bytes
        from memory._layer_partitions(p_now, p_layer) as p
        where p.index_bytes > p.empty_bytes and not p.past and pg_relation_size(p.oid) = 0
        order by p.name
    loop
        partition_name := v_part.name;
        bytes_before := v_part.bytes;
        bytes_after := v_part.empty_bytes;
        v_table := format('memory_data.%I', v_part.name);
        begin
            if not p_dry_run then
                execute format('lock table memory_data.%I in access exclusive mode nowait', v_part.name);
                continue when pg_relation_size(v_table) > 0;
                execute format('truncate table memory_data.%I', v_part.name);
            end if;
            return next;
        exception when lock_not_available then
            raise notice 'partition % is in use, its empty indexes stay for now', v_part.name;
        end;
    end loop;
end;
$function$;

comment on function memory._return_empty_partitions is
'Empty the indexes of partitions that have no row left, unless somebody uses them.';
