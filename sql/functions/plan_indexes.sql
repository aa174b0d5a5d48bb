-- Which indexes partitions have earned and lack. The one of exact search belongs to each; the HNSW and
-- GIN ones to those that are closed (no new memory can enter them any more) or hold index_rows vectors.
-- A compressed partition has a small HNSW index over codes of its vectors instead (see
-- memory.compress), one that is to be compressed or to come back builds first what it will have.
--
-- The statements are to be run one by one outside a transaction, for CONCURRENTLY; an index a crash
-- left invalid is dropped first. Building while rows still come in costs 5.7 ms and 24 kB of WAL a row
-- against 0.15 ms without.
create or replace function memory.plan_indexes(p_now timestamptz default now())
returns table (partition_name text, index_name text, estimated_rows bigint, statement text)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
#variable_conflict use_column
begin
    return query
    with partition as (
        select p.name, p.rows, p.layer, c.state,
            -- only what was closed is ever compressed
            p.rows >= l.index_rows or ((p.closed or c.state is not null) and p.rows >= 1000) as earned
        from memory._partitions(p_now) as p
        join memory_data.layer as l on l.name = p.layer
        left join memory_data.compression as c on c.partition_name = p.name
    ),
    wanted as (
        select p.*, k.suffix, k.definition
        from partition as p
        cross join lateral (values
            ('exact', p.state is null or p.state = 'decompressing', memory._exact_index(p.layer)),
            ('hnsw', p.earned and (p.state is null or p.state = 'decompressing'),
             format('using hnsw (embedding public.halfvec_cosine_ops) with (m = %s, ef_construction = %s)',
                    memory._setting('hnsw_m'), memory._setting('hnsw_ef_construction'))),
            ('bits', p.earned and p.state in ('building', 'compressed'), memory._bits_index(p.layer)),
            ('words', p.earned, 'using gin (namespace, search)')
            ) as k (suffix, wanted, definition)
        where k.wanted
    )
    select w.name, w.name || '_' || w.suffix, w.rows,
        case when x.indexrelid is not null
             then format('drop index concurrently memory_data.%I', w.name || '_' || w.suffix)
             else format('create index concurrently %I on memory_data.%I %s',
                         w.name || '_' || w.suffix, w.name, w.definition)
        end
    from wanted as w
    left join pg_index as x
        on x.indexrelid = to_regclass(format('memory_data.%I', w.name || '_' || w.suffix))
    where x.indexrelid is null or not x.indisvalid
    order by w.rows desc, w.name;
end;
$function$;

comment on function memory.plan_indexes is
'Partitions that have earned a search index they lack, with the statement that builds it.';
