-- Takes compression back. Two calls, as memory.compress: the first marks partitions (state
-- decompressing), memory.plan_indexes plans the indexes they are to have again, and the next call
-- drops the small one. Until then searches go on as before.
create or replace function memory.decompress(
    p_layer text default null, p_now timestamptz default now(), p_limit integer default 4,
    p_dry_run boolean default false
)
returns table (
    layer text, partition_name text, state text, rows bigint, bytes_before bigint, bytes_after bigint
)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_part record;
begin
    if p_layer is not null then
        perform memory._check_layer(p_layer);
    end if;
    if not p_dry_run and not pg_try_advisory_xact_lock(hashtextextended('memory.compress', 0)) then
        raise notice 'compress is already running';
        return;
    end if;

    for v_part in
        select p.layer, p.name, c.state,
            p.heap_bytes + p.index_bytes + p.toast_bytes as bytes,
            coalesce(pg_total_relation_size(to_regclass(format('memory_data.%I', p.name || '_bits'))), 0) as bits,
            c.bytes_before as bytes_then
        from memory_data.compression as c
        join memory._layer_partitions(p_now, p_layer) as p on p.name = c.partition_name
        where c.state <> 'decompressing'
            or not exists (
                select from memory.plan_indexes(p_now) as i
                where i.partition_name = p.name and i.index_name ~ '_(exact|hnsw)$')
        order by c.state = 'decompressing' desc, c.since, p.name
        limit p_limit
    loop
        layer := v_part.layer;
        partition_name := v_part.name;
        execute format('select count(*) from memory_data.%I', v_part.name) into rows;
        bytes_before := v_part.bytes;
        if v_part.state = 'compressed' then
            state := 'decompressing';
            bytes_after := v_part.bytes_then;
            if not p_dry_run then
                update memory_data.compression as c set state = 'decompressing', since = p_now
                where c.partition_name = v_part.name;
            end if;
        else
            -- building: nothing was taken away yet
            state := 'decompressed';
            bytes_after := v_part.bytes - v_part.bits;
            if not p_dry_run then
                continue when not memory._drop_indexes(v_part.name, array['bits']);
                delete from memory_data.compression as c where c.partition_name = v_part.name;
                insert into memory_data.decision (namespace, at, action, layer, records, job_run, detail)
                values ('*', p_now, 'compress', layer, rows, memory._job_run(), jsonb_build_object(
                    'partition', partition_name, 'state', state, 'bytes_before', bytes_before,
                    'bytes_after', bytes_after));
            end if;
        end if;
        return next;
    end loop;
end;
$function$;

comment on function memory.decompress is
'Give compressed partitions of a layer (null: of all) their indexes back.';
