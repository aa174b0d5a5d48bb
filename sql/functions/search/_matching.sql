-- Memories of a large namespace that hold one of the words, found by index; at most p_limit. With the
-- owner's rights, as memory._rare_lexemes.
create or replace function memory._matching(
    p_namespace text, p_words tsquery, p_limit integer, p_layers text[], p_kinds text[],
    p_session text, p_metadata jsonb, p_created_after timestamptz, p_created_before timestamptz,
    p_now timestamptz
)
returns table (id uuid, session text, turn integer, search tsvector)
language plpgsql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._require_own_namespace(p_namespace);
    return query
    select m.id, m.session, m.turn, m.search
    from memory._memories as m
    where m.namespace = p_namespace
        and m.search @@ p_words
        and m.expires_at > p_now
        and (p_layers is null or m.layer = any (p_layers))
        and (p_kinds is null or m.kind = any (p_kinds))
        and (p_session is null or m.session = p_session)
        and (p_metadata is null or m.metadata @> p_metadata)
        and (p_created_after is null or m.created_at >= p_created_after)
        and (p_created_before is null or m.created_at < p_created_before)
    limit p_limit;
end;
$function$;

comment on function memory._matching is
'Up to p_limit memories of a large namespace that hold one of the words and pass the filter.';
