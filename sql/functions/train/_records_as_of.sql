-- Records as they were at moments given as parallel arrays: edits and promotions that came later are
-- taken back, from the first revision and the first promotion after the moment. Planned for the arrays
-- at hand: a few records are looked up in every partition, many are joined in one pass (50,000 moments
-- over 90 partitions: 80 s looked up one by one, 2 s joined).
create or replace function memory._records_as_of(p_namespaces text[], p_ids uuid[], p_times timestamptz[])
returns table (
    place bigint, namespace text, id uuid, at timestamptz, layer text, kind text, importance real,
    pinned boolean, size integer, created_at timestamptz, entered_at timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_custom_plan
as $function$
#variable_conflict use_column
declare
    v_earliest timestamptz;
begin
    select min(s.at) into v_earliest from unnest(p_times) as s (at);
    return query
    with sample as materialized (
        select s.* from unnest(p_namespaces, p_ids, p_times) with ordinality as s (namespace, id, at, place)
    ),
    revised as materialized (
        select distinct on (s.place) s.place, v.at, v.kind, v.importance, v.pinned,
            octet_length(v.content) as length
        from sample as s
        join memory_data.revision as v on v.namespace = s.namespace and v.id = s.id and v.at > s.at
        where v.at > v_earliest
        order by s.place, v.at
    )
    select s.place, s.namespace, s.id, s.at,
        coalesce(p.layer, m.layer),
        case when r.at < p.at or p.at is null then coalesce(r.kind, m.kind) else p.kind end,
        coalesce(r.importance, m.importance), coalesce(r.pinned, m.pinned),
        case when r.place is null then m.size else m.size + r.length - octet_length(m.content) end,
        m.created_at,
        case when p.at is null then m.entered_at else coalesce(
            (select max(d.at) from memory_data.decision as d
             where d.namespace = s.namespace and d.id = s.id and d.action = 'promote' and d.at <= s.at),
            m.created_at) end
    from sample as s
    join memory._memories as m on m.namespace = s.namespace and m.id = s.id
    left join revised as r on r.place = s.place
    left join lateral (
        select d.at, d.layer, d.kind
        from memory_data.decision as d
        where d.namespace = s.namespace and d.id = s.id and d.at > s.at and d.action = 'promote'
            and m.entered_at > s.at
        order by d.at
        limit 1) as p on true;
end;
$function$;

comment on function memory._records_as_of is 'Records as they were at a moment, without later edits and promotions.';
