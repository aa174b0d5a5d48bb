-- memory.search for who may not read the tables, with the owner's rights: without content and metadata
-- where the policy says so.
create or replace function memory._analyst_search(
    p_namespace text, p_query text, p_embedding halfvec, p_top_k integer, p_layers text[], p_kinds text[],
    p_filters jsonb, p_now timestamptz, p_explain boolean
)
returns table (
    id uuid, namespace text, content text, kind text, layer text, session text, metadata jsonb,
    score double precision, importance real, pinned boolean, created_at timestamptz,
    expires_at timestamptz, explain jsonb
)
language sql
stable
security definer
set search_path to pg_catalog, public, pg_temp
as $function$
select s.id, s.namespace, case when c.shown then s.content end, s.kind, s.layer, s.session,
    case when c.shown then s.metadata end, s.score, s.importance, s.pinned, s.created_at, s.expires_at,
    s.explain
from memory.search(
    p_namespace, p_query, p_embedding, p_top_k, p_layers, p_kinds, p_filters, p_now, p_explain)
    with ordinality as s (id, namespace, content, kind, layer, session, metadata, score, importance, pinned,
                          created_at, expires_at, explain, place)
cross join (select memory._sees_content() as shown) as c
order by s.place
$function$;

comment on function memory._analyst_search is
'What memory.search answers an analyst.';
