-- The nearest vectors among the memories a filter leaves, compared one by one (`0 +`: never by HNSW).
create or replace function memory._nearest_filtered(
    p_namespace text, p_embedding halfvec, p_model smallint, p_limit integer, p_layers text[],
    p_kinds text[], p_session text, p_metadata jsonb, p_created_after timestamptz,
    p_created_before timestamptz, p_now timestamptz
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
    where m.namespace = p_namespace
        and m.embedding is not null
        and m.model = p_model
        and m.expires_at > p_now
        and (p_layers is null or m.layer = any (p_layers))
        and (p_kinds is null or m.kind = any (p_kinds))
        and (p_session is null or m.session = p_session)
        and (p_metadata is null or m.metadata @> p_metadata)
        and (p_created_after is null or m.created_at >= p_created_after)
        and (p_created_before is null or m.created_at < p_created_before)
    order by 2
    limit p_limit;
end;
$function$;

comment on function memory._nearest_filtered is
'The nearest vectors among the memories of a namespace that a filter leaves, compared one by one.';
