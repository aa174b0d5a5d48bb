-- Memories of a large namespace that hold one of the words, found by index; at most p_limit. With the
-- owner's rights, as memory._rare_lexemes.
create or replace function memory._matching(
    p_namespace text, p_filter memory._filter, p_words tsquery, p_limit integer, p_now timestamptz
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
        and (p_filter.layers is null or m.layer = any (p_filter.layers))
        and memory._passes(p_filter, m.kind, m.session, m.metadata, m.created_at)
    limit p_limit;
end;
$function$;

comment on function memory._matching is
'Up to p_limit memories of a large namespace that hold one of the words and pass the filter.';
