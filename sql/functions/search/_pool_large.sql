-- What memory._rank ranks, of a large namespace: at most p_most memories that match, by index, and the
-- nearest vectors.
create or replace function memory._pool_large(
    p_basis memory._basis, p_filter memory._filter, p_words tsquery, p_speaker tsquery,
    p_near_ids uuid[], p_most integer
)
returns table (
    id uuid, place text, turn integer, len integer, named boolean, search tsvector
)
language plpgsql
stable
rows 5000
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
begin
    return query
    with matching as materialized (
        select * from memory._matching(p_basis.namespace, p_filter, p_words, p_most, p_basis.at) as f
    ),
    near as materialized (
        select m.id, m.session, m.turn, m.search
        from memory._memories as m
        where m.namespace = p_basis.namespace and m.id = any (p_near_ids) and m.expires_at > p_basis.at
    )
    select k.id, coalesce(k.session, k.id::text), k.turn, greatest(length(k.search), 1),
        k.search @@ p_speaker, case when k.search @@ p_words then k.search end
    from (
        select * from matching
        union all
        select * from near as n where n.id not in (select f.id from matching as f)) as k;
end;
$function$;

comment on function memory._pool_large is
'Memories of a large namespace that match or are near, as memory._rank needs them.';
