-- The nearest vectors of a namespace, by the way that fits its size: all compared while that is cheap
-- and exact (up to exact_rows memories that pass the filter), by HNSW beyond, and exactly after all
-- when HNSW finds fewer than asked for.
create or replace function memory._nearest(
    p_namespace text, p_embedding halfvec, p_model smallint, p_limit integer, p_layers text[],
    p_kinds text[], p_session text, p_metadata jsonb, p_created_after timestamptz,
    p_created_before timestamptz, p_now timestamptz, p_interact_end timestamptz,
    p_insights_end timestamptz, p_stored bigint, p_exact_rows integer
)
returns table (id uuid, distance double precision, method text)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_filtered constant boolean := p_kinds is not null or p_session is not null
        or p_metadata is not null or p_created_after is not null or p_created_before is not null;
    v_large boolean := false;
begin
    -- p_stored counts everything ever stored here, so a small number settles it without a count.
    if p_stored > p_exact_rows then
        v_large := memory._passes_filter(
            p_namespace, p_layers, p_kinds, p_session, p_metadata, p_created_after,
            p_created_before, p_now, p_exact_rows + 1) > p_exact_rows;
    end if;
    if v_large then
        return query
        with found as materialized (
            select n.id, n.distance, n.method
            from memory._nearest_hnsw(
                p_namespace, p_embedding, p_model, p_limit, p_layers, p_kinds, p_session,
                p_metadata, p_created_after, p_created_before, p_now, p_interact_end,
                p_insights_end) as n
        )
        select f.id, f.distance, f.method
        from found as f
        where (select count(*) from found) >= p_limit
        union all
        -- HNSW gave up before it had enough
        select n.id, n.distance, 'exact'::text
        from memory._nearest_filtered(
            p_namespace, p_embedding, p_model, p_limit, p_layers, p_kinds, p_session, p_metadata,
            p_created_after, p_created_before, p_now) as n
        where (select count(*) from found) < p_limit;
        return;
    end if;
    if v_filtered then
        return query
        select n.id, n.distance, 'exact'::text
        from memory._nearest_filtered(
            p_namespace, p_embedding, p_model, p_limit, p_layers, p_kinds, p_session, p_metadata,
            p_created_after, p_created_before, p_now) as n;
        return;
    end if;
    return query
    select n.id, n.distance, 'exact'::text
    from memory._nearest_exact(
        p_namespace, p_embedding, p_model, p_limit, p_layers, p_now, p_interact_end, p_insights_end) as n;
end;
$function$;

comment on function memory._nearest is
'The nearest vectors of a namespace: exact up to exact_rows memories, HNSW beyond.';
