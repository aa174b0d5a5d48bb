-- The nearest vectors of a namespace by comparing all of them, index-only where the pages are
-- vacuumed. Recall is 1 by construction.
--
-- `0 +` keeps the order from an HNSW index: where one namespace fills most of a partition the planner
-- would take it, and recall would be what HNSW gives.
--
-- A layer that is not asked for gets a null namespace, which costs one empty probe. The bounds of
-- memory._basis keep the partitions made ahead out of the plan's start; together they take the
-- median of 500 rows from 0.74 to 0.56 ms.
create or replace function memory._nearest_exact(
    p_basis memory._basis, p_filter memory._filter, p_embedding halfvec, p_limit integer
)
returns table (id uuid, distance double precision)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
declare
    v_all constant boolean := p_filter.layers is null;
    v_interact constant text := case when v_all or 'interact' = any (p_filter.layers) then p_basis.namespace end;
    v_insights constant text := case when v_all or 'insights' = any (p_filter.layers) then p_basis.namespace end;
    v_assets constant text := case when v_all or 'assets' = any (p_filter.layers) then p_basis.namespace end;
begin
    return query
    -- the same expression orders, or every distance is computed twice
    select m.id, 0 + (m.embedding <=> p_embedding)
    from (
        select i.id, i.embedding
        from memory_data.interact as i
        where i.namespace = v_interact and i.embedding is not null and i.model = p_basis.model
            and i.expires_at > p_basis.interact_after and i.expires_at < p_basis.interact_end
        union all
        select i.id, i.embedding
        from memory_data.insights as i
        where i.namespace = v_insights and i.embedding is not null and i.model = p_basis.model
            and i.expires_at > p_basis.insights_after and i.expires_at < p_basis.insights_end
        union all
        select a.id, a.embedding
        from memory_data.assets as a
        where a.namespace = v_assets and a.embedding is not null and a.model = p_basis.model
            and a.expires_at > p_basis.at and a.entered_at < p_basis.assets_end
    ) as m
    order by 2
    limit p_limit;
end;
$function$;

comment on function memory._nearest_exact is
'The nearest vectors of a namespace, compared one by one.';
