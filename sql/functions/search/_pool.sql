-- What memory._rank ranks, of a small namespace: every memory that passes the filter, for the length
-- and number of all of them count. The tsvector comes along only where a word matches.
--
-- A function of its own, for its `rows`: the planner takes a namespace for one row (each `p is null
-- or` divides the estimate, hence the case), and nested loops over the result took 18 of 50 ms at
-- 8,000 memories, hashing every tsvector another 30.
create or replace function memory._pool(
    p_basis memory._basis, p_filter memory._filter, p_words tsquery, p_speaker tsquery
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
declare
    v_all constant boolean := p_filter.layers is null;
    v_interact constant text := case when v_all or 'interact' = any (p_filter.layers) then p_basis.namespace end;
    v_insights constant text := case when v_all or 'insights' = any (p_filter.layers) then p_basis.namespace end;
    v_assets constant text := case when v_all or 'assets' = any (p_filter.layers) then p_basis.namespace end;
begin
    return query
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.interact as m
    where m.namespace = v_interact and m.expires_at > p_basis.interact_after and m.expires_at < p_basis.interact_end
        and case when p_filter.narrows
            then memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at) else true end
    union all
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.insights as m
    where m.namespace = v_insights and m.expires_at > p_basis.insights_after and m.expires_at < p_basis.insights_end
        and case when p_filter.narrows
            then memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at) else true end
    union all
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.assets as m
    where m.namespace = v_assets and m.expires_at > p_basis.at and m.entered_at < p_basis.assets_end
        and case when p_filter.narrows
            then memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at) else true end;
end;
$function$;

comment on function memory._pool is
'Every memory of a small namespace that passes the filter, as memory._rank needs it.';
