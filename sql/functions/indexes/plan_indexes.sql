-- What is to be done with the search indexes of partitions: those earned and missing are built, those that
-- stand unused where memories still enter are dropped.
--
-- The one of exact search belongs to each. The HNSW and GIN ones are for namespaces of more than exact_rows
-- memories and cost whoever writes: building while rows still come in costs 5.7 ms and 24 kB of WAL a row
-- against 0.15 ms without. So a partition that is written to gets them when it holds index_rows and
-- some namespace needs them (memory._needs_search_indexes); without them it is compared exactly. One that is
-- closed, and that nobody who gives a ttl writes to either (memory._recent_arrivals), gets them at 1,000 rows.
-- A compressed partition has a small HNSW index over codes of its vectors instead (see
-- memory.compress), one that is to be compressed or to come back builds first what it will have.
--
-- The statements are to be run one by one outside a transaction, for CONCURRENTLY: no reader and no writer
-- waits. An index a crash left invalid is dropped first.
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
    with partition as materialized (
        select p.*, c.state, p.closed and p.rows >= 1000 or p.rows >= l.index_rows as large,
            g.stands, p.rows >= case when g.stands then 0.75 else 1 end * l.index_rows as many
        from memory._layer_partitions(p_now) as p
        join memory_data.layer as l on l.name = p.layer
        left join memory_data.compression as c on c.partition_name = p.name
        cross join lateral (
            select memory._has_index(p.name, 'hnsw') or memory._has_index(p.name, 'words') as stands) as g
    ),
    written as materialized (
        select p.*, case
            -- only what was closed is ever compressed
            when p.state is not null or not (p.large or p.stands) then false
            when not p.closed then true
            else memory._recent_arrivals(p.name, p.heap_bytes, p_now) >= case when p.stands then 1000 else 100 end end as written
        from partition as p
    ),
    judged as materialized (
        select p.*, case when p.written then p.many and memory._needs_search_indexes(p.name, p.stands, p_now)
                         else p.large or (p.state is not null and p.rows >= 1000) end as earned
        from written as p
    ),
    wanted as (
        select p.*, k.suffix, k.definition
        from judged as p
        cross join lateral (values
            ('exact', p.state is null or p.state = 'decompressing', memory._exact_index_definition(p.layer)),
            ('hnsw', p.earned and (p.state is null or p.state = 'decompressing'),
             format('using hnsw (embedding public.halfvec_cosine_ops) with (m = %s, ef_construction = %s)',
                    memory._setting('hnsw_m'), memory._setting('hnsw_ef_construction'))),
            ('bits', p.earned and p.state in ('building', 'compressed'), memory._bits_index_definition(p.layer)),
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
    union all
    select p.name, p.name || '_' || k.suffix, p.rows,
        format('drop index concurrently memory_data.%I', p.name || '_' || k.suffix)
    from judged as p
    cross join (values ('hnsw'), ('words')) as k (suffix)
    where p.written and not p.earned
        and to_regclass(format('memory_data.%I', p.name || '_' || k.suffix)) is not null
    order by 3 desc, 1, 2;
end;
$function$;

comment on function memory.plan_indexes is
'Search indexes partitions have earned and lack, or have and do not use, with the statement that mends it.';
