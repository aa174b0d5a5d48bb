-- How near memories are to what their namespace asked of late: the highest cosine to one of the
-- recent queries kept at that moment. No row where there is none.
create or replace function memory._query_similarity(
    p_namespaces text[], p_ids uuid[], p_times timestamptz[]
)
returns table (place bigint, similarity double precision)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_custom_plan
as $function$
#variable_conflict use_column
begin
    return query
    select s.place, max(1 - (q.embedding <=> m.embedding))
    from unnest(p_namespaces, p_ids, p_times) with ordinality as s (namespace, id, at, place)
    join memory_data.recent_query as q on q.namespace = s.namespace and q.at <= s.at
    join memory._memories as m
        on m.namespace = s.namespace and m.id = s.id and m.model = q.model
    group by s.place;
end;
$function$;

comment on function memory._query_similarity is
'The highest cosine of memories to the recent queries of their namespace at a moment.';
