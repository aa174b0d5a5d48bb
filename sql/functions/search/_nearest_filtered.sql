-- The nearest vectors among the memories a filter leaves, compared one by one (`0 +`: never by HNSW).
create or replace function memory._nearest_filtered(
    p_basis memory._basis, p_filter memory._filter, p_embedding halfvec, p_limit integer
)
returns table (id uuid, distance double precision)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
begin
    return query
    select m.id, 0 + (m.embedding <=> p_embedding)
    from memory._memories as m
    where m.namespace = p_basis.namespace
        and m.embedding is not null
        and m.model = p_basis.model
        and m.expires_at > p_basis.at
        and (p_filter.layers is null or m.layer = any (p_filter.layers))
        and memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at)
    order by 2
    limit p_limit;
end;
$function$;

comment on function memory._nearest_filtered is
'The nearest vectors among the memories of a namespace that a filter leaves, compared one by one.';
