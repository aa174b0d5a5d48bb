-- The layers' policy and what a namespace holds in each, for apps; operators read memory.layers.
create or replace function memory.list_layers(p_namespace text, p_now timestamptz default now())
returns table (
    layer text, ttl_seconds double precision, max_bytes bigint, eviction_policy text,
    promotion_threshold double precision, next_layer text, kinds text[], memories bigint, bytes bigint,
    pinned bigint, oldest timestamptz, newest timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    return query
    select l.name, extract(epoch from l.ttl)::double precision, l.max_bytes, l.eviction_policy,
        l.promotion_threshold, l.next_layer,
        (select array_agg(k.name order by k.name) from memory_data.kind as k where k.layer = l.name),
        count(m.id), coalesce(sum(m.size), 0)::bigint,
        count(m.id) filter (where m.pinned), min(m.created_at), max(m.created_at)
    from memory_data.layer as l
    left join memory._memories as m
        on m.layer = l.name and m.namespace = p_namespace and m.expires_at > p_now
    group by l.name
    order by l.position;
end;
$function$;

comment on function memory.list_layers is 'The layers'' policy and what a namespace holds in each.';
