-- What most of the last used records of each layer fail, judged anew: seconds of work among 100,000
-- memories, so for memory.sample_kpis only; memory.kpis, which is read all the time, reads the sample.
create or replace function memory._kpis_of_blocking(p_now timestamptz)
returns table (kpi text, scope text, value double precision, label text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'blocking_criterion', l.name, b.share, b.criterion
from memory_data.layer as l
left join lateral (
    select c.share, c.criterion
    from memory.blocking_criteria(l.name, p_now, 300) as c
    where c.failing > 0
    order by c.failing desc, c.alone desc, c.criterion
    limit 1) as b on true
where l.next_layer is not null
$function$;

comment on function memory._kpis_of_blocking is
'The criterion that blocks most in each layer, judged now; dear, so sampled.';
