-- The parts of the promotion score of live records of a layer and the ML score, each 0..1, at p_now.
--
-- recency: 0.5 ^ (time since last use / half-life of the layer); entry into the layer counts as use.
-- frequency: 1 - e ^ (-n / 2) over the decayed uses n (memory._decayed_uses).
-- importance: 0.4 the caller's hint, 0.2 the kind's weight, 0.3 the mean rating (the hint when nobody
--   rated), 0.1 frequency.
-- relevance: what the active model said of the record (memory_data.score), otherwise the mean of
--   recency and frequency.
-- ml_score: the active model's logistic over the four parts; without a model, or for a record it has
--   not scored, 0.4 relevance + 0.2 of each other part. `model` says which: 'fixed weighting' is the
--   fallback, and promote counts it.
--
-- The fixed weighting and the thresholds of MISSION.md belong together: a record nobody rated or
-- hinted at that only just passes the other criteria (a session_data of 4 uses in 12 h, a pattern of
-- 11 in 30 d) scores 0.77 and 0.91, above 0.7 and 0.9. With n / (n + 3) as the frequency, the older
-- form, it scored 0.67 and 0.80, and the pattern needed 87 decayed uses to pass 0.9: next to nothing
-- unrated would have reached assets.
create or replace function memory._promotion_scores(
    p_layer text, p_namespaces text[], p_ids uuid[], p_now timestamptz
)
returns table (
    namespace text, id uuid, relevance double precision, recency double precision,
    frequency double precision, importance double precision, ml_score double precision, model text
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
with fact as (
    select m.namespace, m.id, m.kind, m.importance::numeric::double precision as hint,
        0.5::double precision ^ least(1000, greatest(0,
            extract(epoch from p_now - greatest(u.last_access, m.entered_at))
            / extract(epoch from l.half_life))) as recency,
        1 - exp(-memory._decayed_uses(
            u.access_count, u.first_access, u.last_access, l.half_life, p_now) / 2) as frequency,
        (u.rating_sum::numeric / nullif(u.rating_count, 0))::double precision as rating
    from unnest(p_namespaces, p_ids) as a (namespace, id)
    -- by key, one probe a record: joined, the planner reads a whole layer for a page of 2,000
    cross join lateral (
        select m.namespace, m.id, m.kind, m.importance, m.entered_at
        from memory._memories as m
        where m.namespace = a.namespace and m.id = a.id and m.layer = p_layer and m.expires_at > p_now
        limit 1) as m
    join memory_data.layer as l on l.name = p_layer
    left join lateral (
        select * from memory_data.usage as u where u.namespace = a.namespace and u.id = a.id limit 1) as u on true
),
part as (
    select f.namespace, f.id, f.recency, f.frequency,
        coalesce(s.relevance, (f.recency + f.frequency) / 2) as relevance,
        0.4 * f.hint + 0.2 * k.weight + 0.1 * f.frequency
            + 0.3 * coalesce((f.rating - 1) / 4, f.hint) as importance,
        case when s.id is not null then t.name end as model,
        t.combination
    from fact as f
    join memory_data.kind as k on k.name = f.kind
    left join memory_data.model as t on t.active
    left join lateral (
        select s.id, s.relevance from memory_data.score as s
        where s.namespace = f.namespace and s.id = f.id and s.model = t.id
        limit 1) as s on true
)
select p.namespace, p.id, p.relevance, p.recency, p.frequency, p.importance,
    case when p.model is not null
        then 1 / (1 + exp(-least(500, greatest(-500,
            (p.combination ->> 'intercept')::double precision
            + (p.combination ->> 'relevance')::double precision * p.relevance
            + (p.combination ->> 'recency')::double precision * p.recency
            + (p.combination ->> 'frequency')::double precision * p.frequency
            + (p.combination ->> 'importance')::double precision * p.importance))))
        else 0.4 * p.relevance + 0.2 * p.recency + 0.2 * p.frequency + 0.2 * p.importance
    end,
    coalesce(p.model, 'fixed weighting')
from part as p
$function$;

comment on function memory._promotion_scores is
'The parts of the promotion score of live records of a layer, and the ML score.';
