-- Promotion, its fallback and what blocks it, jobs, archive, recall. What blocks is as it was sampled
-- in the last five minutes: memory.sample_kpis says why.
create or replace function memory._kpis_of_lifecycle(p_now timestamptz)
returns table (kpi text, scope text, place integer, value double precision, label text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'promotion_rate', l.name, l.position::integer,
    sum(r.promoted)::double precision / nullif(sum(r.judged), 0), null
from memory_data.layer as l
left join memory_data.promotion_run as r
    on r.layer = l.name and r.at > p_now - interval '24 hours' and r.at <= p_now
where l.next_layer is not null
group by l.name, l.position
union all
select 'fallback_rate', 'scores', 1, sum(r.fallback)::double precision / nullif(sum(r.judged), 0), null
from memory_data.promotion_run as r
where r.at > p_now - interval '24 hours' and r.at <= p_now
union all
select 'fallback_rate', 'jobs', 2,
    case when count(*) > 0 then (count(*) filter (where r.runner = 'service'))::double precision / count(*) end, null
from memory_data.job_run as r
join memory_data.schedule as s on s.name = r.job and s.kind = 'sql'
where r.started_at > p_now - interval '24 hours' and r.started_at <= p_now
    and exists (select from pg_extension as e where e.extname = 'pg_cron')
union all
select 'recall', 'total', 1, sum(r.found)::double precision / nullif(sum(r.wanted), 0), null
from memory_data.recall_sample as r
where r.at > p_now - interval '24 hours' and r.at <= p_now
union all
select 'blocking_criterion', l.name, l.position::integer, b.share, b.criterion
from memory_data.layer as l
left join lateral (
    select k.value as share, k.label as criterion
    from (
        select s.kpis from memory_data.kpi_sample as s
        where s.at > p_now - interval '5 minutes' and s.at <= p_now
        order by s.at desc
        limit 1) as n
    cross join lateral jsonb_to_recordset(n.kpis) as k (kpi text, scope text, value double precision, label text)
    where k.kpi = 'blocking_criterion' and k.scope = l.name) as b on true
where l.next_layer is not null
union all
(select 'job_lateness', 'total', 1, extract(epoch from greatest(p_now - j.next_due, interval '0'))::double precision,
    case when j.next_due < p_now then j.name end
 from memory._jobs_at(p_now) as j
 where j.next_due is not null
 order by j.next_due
 limit 1)
union all
select 'archive_backlog', 'total', 1, sum(b.waiting)::double precision, null
from memory.archive_backlog() as b
$function$;

comment on function memory._kpis_of_lifecycle is
'The KPIs of memory.kpis about promotion, jobs, archive and recall.';
