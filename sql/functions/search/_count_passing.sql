-- How many live memories pass a filter, counted up to p_limit; without a filter index-only, which
-- takes 3 ms instead of 20 for 20,000.
create or replace function memory._count_passing(
    p_namespace text, p_filter memory._filter, p_limit integer, p_now timestamptz
)
returns bigint
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
begin
    if not coalesce(p_filter.narrows, false) then
        return (
            select count(*)
            from (
                select from memory._memories as m
                where m.namespace = p_namespace
                    and m.expires_at > p_now
                    and (p_filter.layers is null or m.layer = any (p_filter.layers))
                limit p_limit) as c);
    end if;
    return (
        select count(*)
        from (
            select from memory._memories as m
            where m.namespace = p_namespace
                and m.expires_at > p_now
                and (p_filter.layers is null or m.layer = any (p_filter.layers))
                and memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at)
            limit p_limit) as c);
end;
$function$;

comment on function memory._count_passing is
'How many live memories of a namespace pass a filter, counted up to p_limit.';
