-- Records as they were at moments given as parallel arrays: edits and promotions that came later are
-- taken back, from the first revision and the first promotion after the moment.
create or replace function memory._as_of(p_namespaces text[], p_ids uuid[], p_times timestamptz[])
returns table (
    place bigint, namespace text, id uuid, at timestamptz, layer text, kind text, importance real,
    pinned boolean, size integer, created_at timestamptz, entered_at timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
begin
    return query
    select s.place, s.namespace, s.id, s.at,
        coalesce(p.layer, m.layer),
        case when r.at < p.at or p.at is null then coalesce(r.kind, m.kind) else p.kind end,
        coalesce(r.importance, m.importance), coalesce(r.pinned, m.pinned),
        m.size + coalesce(octet_length(r.content) - octet_length(m.content), 0),
        m.created_at,
        case when p.at is null then m.entered_at else coalesce(
            (select max(d.at) from memory_data.decision as d
             where d.namespace = s.namespace and d.id = s.id and d.action = 'promote' and d.at <= s.at),
            m.created_at) end
    from unnest(p_namespaces, p_ids, p_times) with ordinality as s (namespace, id, at, place)
    join memory._memories as m on m.namespace = s.namespace and m.id = s.id
    left join lateral (
        select d.at, d.layer, d.kind
        from memory_data.decision as d
        where d.namespace = s.namespace and d.id = s.id and d.at > s.at and d.action = 'promote'
            and m.entered_at > s.at
        order by d.at
        limit 1) as p on true
    left join lateral (
        select v.at, v.kind, v.importance, v.pinned, v.content
        from memory_data.revision as v
        where v.namespace = s.namespace and v.id = s.id and v.at > s.at
        order by v.at
        limit 1) as r on true;
end;
$function$;

comment on function memory._as_of is 'Records as they were at a moment, without later edits and promotions.';
