-- The nearest vectors of a namespace, by the way that fits its size: all compared while that is cheap
-- and exact (up to exact_rows memories that pass the filter), by HNSW beyond, and exactly after all
-- when HNSW finds fewer than asked for.
create or replace function memory._nearest(
    p_basis memory._basis, p_filter memory._filter, p_embedding halfvec, p_limit integer
)
returns table (id uuid, distance double precision, method text)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
begin
    if not p_basis.whole
        and memory._count_passing(p_basis.namespace, p_filter, p_basis.exact_rows + 1, p_basis.at)
            > p_basis.exact_rows
    then
        return query
        with found as materialized (
            select n.id, n.distance, n.method
            from memory._nearest_hnsw(p_basis, p_filter, p_embedding, p_limit) as n
        )
        select f.id, f.distance, f.method
        from found as f
        where (select count(*) from found) >= p_limit
        union all
        -- HNSW gave up before it had enough
        select n.id, n.distance, 'exact'::text
        from memory._nearest_filtered(p_basis, p_filter, p_embedding, p_limit) as n
        where (select count(*) from found) < p_limit;
    elsif p_filter.narrows then
        return query
        select n.id, n.distance, 'exact'::text
        from memory._nearest_filtered(p_basis, p_filter, p_embedding, p_limit) as n;
    else
        return query
        select n.id, n.distance, 'exact'::text
        from memory._nearest_exact(p_basis, p_filter, p_embedding, p_limit) as n;
    end if;
end;
$function$;

comment on function memory._nearest is
'The nearest vectors of a namespace: exact up to exact_rows memories, HNSW beyond.';
