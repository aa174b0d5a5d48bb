-- The turns up to three away from given ones, for a large namespace, where they are looked up by the
-- index (namespace, session, turn) instead of read with all the rest.
create or replace function memory._neighbouring_turns(
    p_namespace text, p_sessions text[], p_turns integer[], p_speaker tsquery, p_layers text[],
    p_kinds text[], p_session text, p_metadata jsonb, p_created_after timestamptz,
    p_created_before timestamptz, p_now timestamptz
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
        on m.namespace = p_namespace and m.session = t.session
        and m.turn between t.turn - 3 and t.turn + 3
    where m.expires_at > p_now
        and (p_layers is null or m.layer = any (p_layers))
        and (p_kinds is null or m.kind = any (p_kinds))
        and (p_session is null or m.session = p_session)
        and (p_metadata is null or m.metadata @> p_metadata)
        and (p_created_after is null or m.created_at >= p_created_after)
        and (p_created_before is null or m.created_at < p_created_before);
end;
$function$;

comment on function memory._neighbouring_turns is 'The turns next to given ones of a large namespace.';
