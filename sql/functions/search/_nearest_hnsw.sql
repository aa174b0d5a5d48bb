-- The nearest vectors by HNSW, for namespaces too large to compare all.
--
-- One arm a partition, through its parent, for the parent carries the caller's rights: an arm whose
-- partition has an HNSW index can only use that (sorting is off, and every other way would sort), one
-- without, as the open ones are until a large namespace has many memories there (memory._needs_search_indexes),
-- compares exactly, index-only. Over the parents alone the planner took the namespace for one
-- row and compared all 100,000: 131 ms instead of 2.2. Listing and planning the arms takes 4 to 6 ms.
--
-- ef_search is shared out over the indexes, for every partition is a search of its own: 10 partitions
-- with 20 each take 8.5 ms at recall 0.999, with 100 each 24 ms. relaxed_order keeps looking until
-- enough rows pass the filter and loses none (strict_order drops late better hits); the last order by
-- sorts again.
--
-- A compressed partition (memory.compress) has an index of codes of its vectors: its nearest by
-- Hamming distance, compress_rerank of them and at least four for each row asked for, are compared
-- again by their whole vectors, which lie in its heap.
create or replace function memory._nearest_hnsw(
    p_basis memory._basis, p_filter memory._filter, p_embedding halfvec, p_limit integer
)
returns table (id uuid, distance double precision, method text)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set hnsw.iterative_scan to relaxed_order
set enable_sort to off
as $function$
#variable_conflict use_column
declare
    v_arms text;
    v_indexes integer;
    v_bits integer;
    v_rerank integer;
    -- only where it is asked for: a filter that is always true keeps a scan from being index-only
    v_passes constant text := case when p_filter.narrows
        then ' and memory._passes($6, m.kind, m.session, m.metadata, m.created_at)' else '' end;
begin
    with partition as (
        select l.name, l.partition_key,
            regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \((.+)\) TO \((.+)\)') as bound,
            (select case when x.indexprs is null then 'vectors' else 'bits' end
             from pg_index as x
             join pg_class as k on k.oid = x.indexrelid
             join pg_am as a on a.oid = k.relam
             where x.indrelid = c.oid and x.indisvalid and a.amname = 'hnsw'
             order by x.indexprs is not null limit 1) as indexed,
            (select a.atttypmod from pg_attribute as a
             where a.attrelid = c.oid and a.attname = 'embedding') as dim
        from memory_data.layer as l
        join pg_inherits as i on i.inhparent = format('memory_data.%I', l.name)::regclass
        join pg_class as c on c.oid = i.inhrelid
        where p_filter.layers is null or l.name = any (p_filter.layers)
    ),
    living as (
        select p.*
        from partition as p
        where case p.name
            when 'assets' then trim(p.bound[1], '''')::timestamptz < p_basis.at + interval '1 day'
            else trim(p.bound[2], '''')::timestamptz > p_basis.at
                and trim(p.bound[1], '''')::timestamptz
                    < case p.name when 'interact' then p_basis.interact_end else p_basis.insights_end end
            end
    )
    select count(v.indexed), count(*) filter (where v.indexed = 'bits'),
        string_agg(
            format(
                '(select r.* from (select m.id, m.embedding <=> $2 as distance '
                'from memory_data.%2$I as m where m.namespace = $1 '
                'and m.model = $3 and m.embedding is not null and m.expires_at > $4 '
                'and m.%1$I >= %3$s and m.%1$I < %4$s%5$s order by ',
                v.partition_key, v.name, v.bound[1], v.bound[2], v_passes)
            || case v.indexed
                when 'vectors' then '(m.embedding <=> $2) limit $5) as r)'
                when 'bits' then format(
                    '%s <~> %s limit $7) as r order by r.distance limit $5)',
                    memory._bits_expression('m.embedding', v.dim), memory._bits_expression('$2', v.dim))
                else '0 + (m.embedding <=> $2) limit $5) as r)'
            end,
            ' union all ')
    into v_indexes, v_bits, v_arms
    from living as v;
    if v_arms is null then
        return;
    end if;

    v_rerank := greatest(4 * p_limit, memory._setting('compress_rerank')::integer * 2 / greatest(v_bits, 2));
    perform set_config('hnsw.ef_search', greatest(
        least(p_limit, 1000), 40, case when v_bits > 0 then least(v_rerank, 1000) end,
        memory._setting('hnsw_ef_search')::integer * 2 / greatest(v_indexes, 2))::text, true);
    return query execute format('select n.id, n.distance, $8 from (%s) as n order by n.distance limit $5', v_arms)
    using p_basis.namespace, p_embedding, p_basis.model, p_basis.at, p_limit, p_filter, v_rerank,
        case v_indexes when 0 then 'exact' else 'hnsw' end;
end;
$function$;

comment on function memory._nearest_hnsw is
'The nearest vectors of a large namespace by HNSW, re-sorted; partitions without an index exactly.';
