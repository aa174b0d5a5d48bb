-- The turns up to three away from given ones, for a large namespace, where they are looked up by the
-- index (namespace, session, turn) instead of read with all the rest.
create or replace function memory._neighbouring_turns(
    p_basis memory._basis, p_filter memory._filter, p_sessions text[], p_turns integer[], p_speaker tsquery
)
returns table (id uuid, place text, turn integer, named boolean)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
set enable_hashjoin to off
set enable_mergejoin to off
as $function$
#variable_conflict use_column
begin
    return query
    select distinct on (m.id) m.id, m.session, m.turn, m.search @@ p_speaker
    from unnest(p_sessions, p_turns) as t (session, turn)
    join memory._memories as m
        on m.namespace = p_basis.namespace and m.session = t.session
        and m.turn between t.turn - 3 and t.turn + 3
    where m.expires_at > p_basis.at
        and (p_filter.layers is null or m.layer = any (p_filter.layers))
        and memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at);
end;
$function$;

comment on function memory._neighbouring_turns is 'The turns next to given ones of a large namespace.';
