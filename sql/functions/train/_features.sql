-- What is known of records at moments given as parallel arrays: the parts of the fixed weighting and
-- the features of the trained relevance. The one definition behind training and scoring: what a
-- model was trained on and what it is asked about cannot drift apart.
--
-- Nothing after its moment is looked at. Uses and ratings come from access_event; the present
-- `usage` row only spares the look-up of records never used. What was edited or promoted since is
-- taken back by its revision or decision. Times are in horizons (p_horizon, or the layer's own), so
-- that one model serves layers whose clocks differ. At most the last 256 events of a record count: its
-- partitions are read from the newest back and no further. Uses of one session and minute are one.
create or replace function memory._features(
    p_namespaces text[], p_ids uuid[], p_times timestamptz[], p_labels boolean[] default null,
    p_horizon interval default null
)
returns setof memory._sample
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_custom_plan
as $function$
#variable_conflict use_column
begin
    return query
    with record as materialized (
        select w.*, extract(epoch from coalesce(p_horizon, l.horizon))::double precision as horizon,
            l.half_life as halving, l.position, k.weight, w.importance::numeric::double precision as hint,
            u.first_access, u.rating_count
        from memory._records_as_of(p_namespaces, p_ids, p_times) as w
        join memory_data.layer as l on l.name = w.layer
        join memory_data.kind as k on k.name = w.kind
        left join memory_data.usage as u on u.namespace = w.namespace and u.id = w.id
        where w.entered_at <= w.at
    ),
    event as materialized (
        select r.place, a.at, a.session, extract(epoch from r.at - a.at)::double precision as seconds
        from record as r
        cross join lateral (
            select e.at, e.session
            from memory_data.access_event as e
            where e.namespace = r.namespace and e.id = r.id
                and e.at between r.first_access and r.at and e.source <> 'rate'
            order by e.at desc
            limit 256) as a
        where r.first_access <= r.at
    ),
    rated as materialized (
        select r.place, avg(e.rating order by e.at) as mean, count(*) as ratings
        from record as r
        join memory_data.access_event as e
            on e.namespace = r.namespace and e.id = r.id and e.at <= r.at and e.source = 'rate'
        where r.rating_count > 0
        group by r.place
    ),
    used as materialized (
        -- An exponent beyond 1000 would be an underflow error. Sums in one order, or the same record
        -- would differ in its last digit from call to call.
        select r.place, max(e.at) as last,
            sum(0.5 ^ least(1000, e.seconds / r.horizon) order by e.seconds) as decayed,
            count(distinct e.session) as sessions
        from record as r join event as e on e.place = r.place
        group by r.place
    ),
    moment as (
        select e.place, min(e.seconds) / min(r.horizon) as ago, true as is_use
        from record as r join event as e on e.place = r.place
        group by e.place, e.session, date_trunc('minute', e.at)
        union all
        select r.place, extract(epoch from r.at - r.entered_at) / r.horizon, false
        from record as r
    ),
    spaced as (
        select m.*, lead(m.ago) over latest - m.ago as gap, row_number() over latest as nth
        from moment as m
        window latest as (partition by m.place order by m.ago)
    ),
    rhythm as materialized (
        select s.place, min(s.ago) as idle,
            count(*) filter (where s.is_use) as uses,
            count(*) filter (where s.is_use and s.ago < 0.25) as uses_quarter,
            count(*) filter (where s.is_use and s.ago < 1) as uses_1,
            count(*) filter (where s.is_use and s.ago < 4) as uses_4,
            count(*) filter (where s.is_use and s.ago < 16) as uses_16,
            max(s.gap) filter (where s.nth = 1) as gap_1,
            max(s.gap) filter (where s.nth = 2) as gap_2,
            max(s.gap) filter (where s.nth = 3) as gap_3,
            avg(s.gap) as gap_mean, stddev_samp(s.gap) as gap_deviation
        from spaced as s
        group by s.place
    ),
    -- As memory._promotion_scores has them at p_now, which tests/sql/test_features.py compares.
    part as materialized (
        select r.place, c.recency, f.frequency,
            0.4 * r.hint + 0.2 * r.weight + 0.1 * f.frequency
            + 0.3 * coalesce((v.mean - 1) / 4, r.hint) as importance
        from record as r
        join rhythm as h on h.place = r.place
        left join used as d on d.place = r.place
        left join rated as v on v.place = r.place
        cross join lateral (
            select 0.5::double precision ^ least(1000,
                extract(epoch from r.at - greatest(d.last, r.entered_at))
                / extract(epoch from r.halving)) as recency) as c
        cross join lateral (
            select 1 - exp(-memory._decayed_uses(
                h.uses::integer, r.first_access, d.last, r.halving, r.at) / 2) as frequency) as f
    )
    select r.namespace, r.id, r.at, r.layer, r.kind, r.horizon, p_labels[r.place],
        p.recency, p.frequency, p.importance,
        0.4 * (p.recency + p.frequency) / 2 + 0.2 * (p.recency + p.frequency + p.importance),
        extract(epoch from r.at - r.created_at)::double precision / r.horizon,
        extract(epoch from r.at - r.entered_at)::double precision / r.horizon,
        h.idle, h.uses_quarter::double precision, h.uses_1::double precision,
        h.uses_4::double precision, h.uses_16::double precision, coalesce(d.decayed, 0),
        h.gap_1, h.gap_2, h.gap_3, h.gap_mean, h.gap_deviation, h.idle / nullif(h.gap_mean, 0),
        coalesce(d.sessions, 0)::double precision, v.mean, coalesce(v.ratings, 0)::double precision,
        r.weight, r.position::double precision, r.size::double precision,
        r.hint, r.pinned::integer::double precision, q.similarity, n.novelty
    from record as r
    join rhythm as h on h.place = r.place
    join part as p on p.place = r.place
    left join used as d on d.place = r.place
    left join rated as v on v.place = r.place
    left join memory._novelty(p_namespaces, p_ids) as n on n.namespace = r.namespace and n.id = r.id
    left join memory._query_similarity(p_namespaces, p_ids, p_times) as q on q.place = r.place;
end;
$function$;

comment on function memory._features is
'Features of records at moments, and the parts of the fixed weighting; for training and scoring.';
