-- Compresses cold partitions: closed for new memories and little used (memory._cold_partitions).
--
-- A partition keeps each vector three times: in the heap, in the index of exact search, in the HNSW
-- index. Compressed it keeps it once, in the heap, beside an HNSW index of two bits a dimension
-- (memory._bits_expression); the vectors of its 300 nearest by code are compared again in full. Exact search reads the
-- heap by the primary key. memory.decompress takes it back.
--
-- Two calls, because an index is built without blocking writers outside a transaction only: the first
-- marks the partition (state building), memory.plan_indexes then plans its small index, which the
-- service builds within a minute or `magray check --fix` at once, and the next call drops the two
-- large ones (state compressed, a decision). A partition too small to have earned an HNSW index is
-- done at the first call. A crash leaves a partition that is whole, in one of the two states.
--
-- Lost against it, on 100,000 mixed turns of LoCoMo (`magray bench compress --data FILE` measures): keeping
-- the index of exact search and only shrinking HNSW saves 20% instead of 45%; rewriting the heap with
-- content, words and metadata compressed (pglz) saves nothing, for texts of 200 bytes do not get
-- smaller and rows under 2 kB are never tried; repacking the b-trees on top saves another 2% and locks.
--
-- p_limit: partitions at once. Owner's rights: an index is dropped by its owner.
create or replace function memory.compress(
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
    if not p_dry_run then
        delete from memory_data.compression as c
        where to_regclass(format('memory_data.%I', c.partition_name)) is null;
    end if;

    for v_part in
        with part as materialized (
            select p.layer, p.name, p.rows, p.heap_bytes + p.index_bytes + p.toast_bytes as bytes,
                c.state, c.since, p.rows < l.index_rows and p.rows < 1000 as small
            from memory._layer_partitions(p_now, p_layer) as p
            join memory_data.layer as l on l.name = p.layer
            left join memory_data.compression as c on c.partition_name = p.name
        )
        select p.*, 0 as used
        from part as p
        where p.state = 'building' and memory._has_index(p.name, 'bits')
        union all
        select p.*, c.used
        from memory._cold_partitions(p_layer, p_now, p_limit) as c
        join part as p on p.name = c.name
        order by state nulls last, bytes desc, name
        limit p_limit
    loop
        layer := v_part.layer;
        partition_name := v_part.name;
        -- what the catalogue estimates is not what a decision should say
        execute format('select count(*) from memory_data.%I', v_part.name) into rows;
        state := case when v_part.small or v_part.state = 'building' then 'compressed' else 'building' end;
        bytes_before := v_part.bytes;
        bytes_after := memory._compressed_bytes(v_part.name, v_part.rows, v_part.bytes, v_part.small);
        if not p_dry_run then
            continue when state = 'compressed' and not memory._drop_indexes(v_part.name, array['hnsw', 'exact']);
            insert into memory_data.compression as c (partition_name, layer, state, since, bytes_before, bytes_after)
            values (partition_name, layer, state, p_now, bytes_before, bytes_after)
            on conflict (partition_name) do update
            set state = excluded.state, since = excluded.since, bytes_after = excluded.bytes_after;
            if state = 'compressed' then
                insert into memory_data.decision (namespace, at, action, layer, records, job_run, detail)
                values ('*', p_now, 'compress', layer, rows, memory._job_run(), jsonb_build_object(
                    'partition', partition_name, 'state', state, 'bytes_before', bytes_before,
                    'bytes_after', bytes_after, 'returned_bytes', bytes_before - bytes_after));
            end if;
        end if;
        return next;
    end loop;
end;
$function$;

comment on function memory.compress is
'Compress cold partitions of a layer (null: of all); returns what it began and what it finished.';
