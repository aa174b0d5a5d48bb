-- A quantile of how long searches took, in ms, from the histograms of the services' reports: linear
-- within its bucket, and the lower bound of the last one, which has no end. As Prometheus's
-- histogram_quantile, so that both say the same. Null: no searches.
create or replace function memory._latency_quantile(p_after timestamptz, p_until timestamptz, p_share double precision)
returns double precision
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
with bucket as (
    select b.bound::double precision as bound, sum(b.count)::double precision as count
    from memory_data.service_report as r
    cross join unnest(r.bounds, r.counts) as b (bound, count)
    where r.at > p_after and r.at <= p_until
    group by b.bound
),
summed as (
    select b.bound, b.count, sum(b.count) over (order by b.bound) as upto, sum(b.count) over () as total,
        lag(b.bound, 1, 0::double precision) over (order by b.bound) as below
    from bucket as b
)
select case when s.bound = 'infinity' then s.below
            else s.below + (s.bound - s.below) * (p_share * s.total - (s.upto - s.count)) / s.count end
from summed as s
where s.count > 0 and s.upto >= p_share * s.total
order by s.bound
limit 1
$function$;

comment on function memory._latency_quantile is
'A quantile of search latency in ms, from the services'' reports, as Prometheus computes it.';
