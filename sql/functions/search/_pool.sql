-- What memory._rank ranks, of a small namespace: every memory that passes the filter, for the length
-- and number of all of them count. The tsvector comes along only where a word matches.
--
-- A function of its own, for its `rows`: the planner takes a namespace for one row (each `p is null
-- or` divides the estimate, hence the case), and nested loops over the result took 18 of 50 ms at
-- 8,000 memories, hashing every tsvector another 30.
create or replace function memory._pool(
    p_namespace text, p_words tsquery, p_speaker tsquery, p_layers text[], p_kinds text[],
    p_session text, p_metadata jsonb, p_created_after timestamptz, p_created_before timestamptz,
    p_now timestamptz, p_interact_end timestamptz, p_insights_end timestamptz
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
    v_interact text := case when p_layers is null or 'interact' = any (p_layers) then p_namespace end;
    v_insights text := case when p_layers is null or 'insights' = any (p_layers) then p_namespace end;
    v_assets text := case when p_layers is null or 'assets' = any (p_layers) then p_namespace end;
    v_filtered boolean := p_kinds is not null or p_session is not null or p_metadata is not null
        or p_created_after is not null or p_created_before is not null;
begin
    return query
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.interact as m
    where m.namespace = v_interact and m.expires_at > p_now and m.expires_at < p_interact_end
        and case
            when v_filtered then
                (p_kinds is null or m.kind = any (p_kinds))
                and (p_session is null or m.session = p_session)
                and (p_metadata is null or m.metadata @> p_metadata)
                and (p_created_after is null or m.created_at >= p_created_after)
                and (p_created_before is null or m.created_at < p_created_before)
            else true
        end
    union all
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.insights as m
    where m.namespace = v_insights and m.expires_at > p_now and m.expires_at < p_insights_end
        and case
            when v_filtered then
                (p_kinds is null or m.kind = any (p_kinds))
                and (p_session is null or m.session = p_session)
                and (p_metadata is null or m.metadata @> p_metadata)
                and (p_created_after is null or m.created_at >= p_created_after)
                and (p_created_before is null or m.created_at < p_created_before)
            else true
        end
    union all
    select m.id, coalesce(m.session, m.id::text), m.turn,
        greatest(length(m.search), 1), m.search @@ p_speaker,
        case when m.search @@ p_words then m.search end
    from memory_data.assets as m
    where m.namespace = v_assets and m.expires_at > p_now and m.entered_at < p_now + interval '1 day'
        and case
            when v_filtered then
                (p_kinds is null or m.kind = any (p_kinds))
                and (p_session is null or m.session = p_session)
                and (p_metadata is null or m.metadata @> p_metadata)
                and (p_created_after is null or m.created_at >= p_created_after)
                and (p_created_before is null or m.created_at < p_created_before)
            else true
        end;
end;
$function$;

comment on function memory._pool is
'Every memory of a small namespace that passes the filter, as memory._rank needs it.';
