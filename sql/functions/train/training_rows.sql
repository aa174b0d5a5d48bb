-- What to learn from: records at moments of the past, each with its features at that moment and
-- whether it was used again within the horizon after it. Only moments whose whole horizon is over at
-- p_now, so that every label is final.
--
-- At most p_limit records, each at up to p_moments moments, drawn by the hash of their ids: the same
-- call gives the same rows. Moments lie in the last 64 horizons, one in each of p_moments equal steps,
-- shifted per record, so that no hour of the day is favoured. A record counts in the layer it was
-- in: one promoted since stands for its old layer only while those left behind are still stored,
-- or the promoted, who are used most, would be all that is left of an old generation.
create or replace function memory.training_rows(
    p_now timestamptz default now(), p_horizon interval default null, p_layer text default null,
    p_limit integer default 50000, p_moments integer default 32
)
returns setof memory._sample
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_namespaces text[];
    v_ids uuid[];
    v_times timestamptz[];
    v_labels boolean[];
begin
    perform memory._check_training(p_horizon, p_layer);
    with span as materialized (
        select l.name, l.ttl, h.horizon, p_now - h.horizon as until, p_now - 64 * h.horizon as since
        from memory_data.layer as l
        cross join lateral (select coalesce(p_horizon, l.horizon) as horizon) as h
        where l.name = coalesce(p_layer, l.name)
    ),
    stay as (
        select s.name, m.namespace, m.id, m.entered_at as starts, m.expires_at as ends
        from span as s
        join memory._memories as m on m.layer = s.name
        where m.entered_at <= s.until and m.expires_at > s.since
        union all
        select s.name, d.namespace, d.id, e.entered_at, d.at
        from span as s
        join memory_data.decision as d
            on d.layer = s.name and d.action = 'promote' and d.at > s.since
        join memory._memories as m on m.namespace = d.namespace and m.id = d.id
        cross join lateral (
            select coalesce(max(b.at), m.created_at) as entered_at
            from memory_data.decision as b
            where b.namespace = d.namespace and b.id = d.id and b.action = 'promote' and b.at < d.at) as e
        where e.entered_at <= s.until and e.entered_at + s.ttl > p_now
    ),
    drawn as materialized (
        select s.* from stay as s
        order by uuid_hash_extended(s.id, 0), s.namespace, s.starts
        limit p_limit
    ),
    step as materialized (
        select s.name, s.horizon, s.until, f.first,
            (s.until - f.first) / greatest(p_moments, 1) as width
        from span as s
        cross join lateral (
            select greatest(s.since, min(d.starts)) as first from drawn as d where d.name = s.name) as f
    ),
    sample as materialized (
        select d.namespace, d.id, t.at, s.horizon
        from drawn as d
        join step as s on s.name = d.name
        cross join generate_series(0, p_moments - 1) as n (n)
        cross join lateral (
            select s.first + s.width
                * (n.n + abs(uuid_hash_extended(d.id, n.n + 1) % 1000000) / 1000000.0)::double precision as at) as t
        where t.at >= d.starts and t.at < d.ends
        order by uuid_hash_extended(d.id, n.n + 1), d.namespace, t.at
        limit p_limit
    )
    select array_agg(s.namespace), array_agg(s.id), array_agg(s.at),
        array_agg(coalesce(u.last_access > s.at, false) and exists (
            select from memory_data.access_event as a
            where a.namespace = s.namespace and a.id = s.id and a.source <> 'rate'
                and a.at > s.at and a.at <= s.at + s.horizon))
    into v_namespaces, v_ids, v_times, v_labels
    from sample as s
    left join memory_data.usage as u on u.namespace = s.namespace and u.id = s.id;

    return query
    select f.* from memory._features(v_namespaces, v_ids, v_times, v_labels, p_horizon) as f
    order by f.at, f.namespace, f.id;
end;
$function$;

comment on function memory.training_rows is
'Records at moments of the past with their features, and whether they were used again within the horizon.';
