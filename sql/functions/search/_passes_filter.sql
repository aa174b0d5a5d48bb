-- How many live memories pass a filter, counted up to p_limit; without a filter index-only, which
-- takes 3 ms instead of 20 for 20,000.
create or replace function memory._passes_filter(
    p_namespace text, p_layers text[], p_kinds text[], p_session text, p_metadata jsonb,
    p_created_after timestamptz, p_created_before timestamptz, p_now timestamptz, p_limit integer
)
returns bigint
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
begin
    if p_kinds is null and p_session is null and p_metadata is null and p_created_after is null
        and p_created_before is null
    then
        return (
            select count(*)
            from (
                select from memory._memories as m
                where m.namespace = p_namespace
                    and m.expires_at > p_now
                    and (p_layers is null or m.layer = any (p_layers))
                limit p_limit) as c);
    end if;
    return (
        select count(*)
        from (
            select from memory._memories as m
            where m.namespace = p_namespace
                and m.expires_at > p_now
                and (p_layers is null or m.layer = any (p_layers))
                and (p_kinds is null or m.kind = any (p_kinds))
                and (p_session is null or m.session = p_session)
                and (p_metadata is null or m.metadata @> p_metadata)
                and (p_created_after is null or m.created_at >= p_created_after)
                and (p_created_before is null or m.created_at < p_created_before)
            limit p_limit) as c);
end;
$function$;

comment on function memory._passes_filter is
'How many live memories of a namespace pass a filter, counted up to p_limit.';
