-- What the services reported of the last five minutes: latency, rate, errors, caches; uptime and the
-- last recovery from a crash, of the last day; outages of the database, of the last hour.
--
-- Uptime: minutes with a report among those of the last 24 hours, or since the first report there is:
-- memory.sample_kpis keeps the last one before its time, however long nobody reported after it.
-- Recovery from a crash: the latest time of more than a minute in which no service reported, though
-- none of those before had said goodbye; of the last 24 hours, before that what was last sampled. A
-- service that goes on while PostgreSQL is away tells its counts of that time in one report when it is
-- back: one of more than a minute ends a silence, it does not fill it.
create or replace function memory._kpis_of_service(p_now timestamptz)
returns table (kpi text, scope text, place integer, value double precision, label text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
with recent as (
    select sum(r.requests)::double precision as requests, sum(r.errors)::double precision as errors,
        sum(r.searches)::double precision as searches,
        sum(r.query_hits)::double precision as query_hits, sum(r.query_misses) as query_misses,
        sum(r.embedding_hits)::double precision as embedding_hits, sum(r.embedding_misses) as embedding_misses,
        -- services report side by side, and one that has just begun not for the whole window
        least(300, extract(epoch from p_now - min(r.at - r.seconds * interval '1 second'))) as seconds
    from memory_data.service_report as r
    where r.at > p_now - interval '5 minutes' and r.at <= p_now
),
day as (
    select r.at, r.searches, r.degraded, r.farewell,
        lag(r.at) over w as before, lag(r.farewell) over w as left_in_order,
        r.at - r.seconds * interval '1 second' as began,
        r.at - case when r.seconds > 60 then 0 else r.seconds end * interval '1 second' as back
    from memory_data.service_report as r
    -- and the last one before, to which the first of them is compared
    where r.at <= p_now and r.at >= coalesce((
        select max(b.at) from memory_data.service_report as b where b.at <= p_now - interval '24 hours'), '-infinity')
    window w as (order by r.at)
),
crash as (
    select extract(epoch from d.back - d.before) as seconds
    from day as d
    where d.at > p_now - interval '24 hours' and not d.left_in_order and d.back - d.before > interval '1 minute'
    order by d.at desc
    limit 1
)
select 'search_latency', q.name, q.place, memory._latency_quantile(p_now - interval '5 minutes', p_now, q.share), null
from (values ('p50', 1, 0.5), ('p95', 2, 0.95), ('p99', 3, 0.99)) as q (name, place, share)
union all
select v.kpi, v.scope, v.place, v.value, null
from recent as n
cross join lateral (values
    ('search_rate', 'total', 1, n.searches / nullif(n.seconds, 0)),
    ('cache_hit_rate', 'query', 1, n.query_hits / nullif(n.query_hits + n.query_misses, 0)),
    ('cache_hit_rate', 'embedding', 2, n.embedding_hits / nullif(n.embedding_hits + n.embedding_misses, 0)),
    ('errors', 'total', 1, n.errors),
    ('error_rate', 'total', 1, n.errors / nullif(n.requests, 0))) as v (kpi, scope, place, value)
union all
select 'fallback_rate', 'embedding', 3, sum(d.degraded)::double precision / nullif(sum(d.searches), 0), null
from day as d
where d.at > p_now - interval '24 hours'
union all
-- of the model in use, and while a service speaks of it
select 'provider_failing', 'embedding', 1,
    case when s.failing_since is not null then greatest(0, extract(epoch from p_now - s.failing_since))
         when s.model is not null then 0 end::double precision, s.error
from (select) as one
left join (
    select p.model, p.failing_since, p.error
    from memory_data.provider_state as p
    join memory._active_model() as m on m.name = p.model
    where p.noted_at > p_now - interval '5 minutes' and p.noted_at <= p_now) as s on true
union all
select 'uptime', 'total', 1,
    case when count(*) > 0
        then 100 * least(1, (count(distinct date_trunc('minute', d.at)) filter (
                                where d.at > p_now - interval '24 hours'))::double precision
                            / greatest(1, round(extract(
                                epoch from p_now - greatest(min(d.began), p_now - interval '24 hours')) / 60))) end, null
from day as d
union all
select 'recovery_time', 'crash', 2, coalesce((select c.seconds from crash as c), (
    select k.value
    from (
        select s.kpis from memory_data.kpi_sample as s where s.at < p_now order by s.at desc limit 1) as l
    cross join lateral jsonb_to_recordset(l.kpis) as k (kpi text, scope text, value double precision)
    where k.kpi = 'recovery_time' and k.scope = 'crash')), null
union all
select 'outages', 'total', 1, count(*)::double precision, (array_agg(o.cause order by o.ended_at desc))[1]
from memory_data.outage as o
where o.ended_at > p_now - interval '1 hour' and o.began_at <= p_now
$function$;

comment on function memory._kpis_of_service is
'The KPIs of memory.kpis that the services report: latency, rate, caches, errors, uptime, recovery.';
