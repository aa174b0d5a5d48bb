-- Keep the KPIs of this moment for memory.kpi_history, and let go of samples and reports older than
-- kpi_days and service_report_hours; but never of the last report before that, from which an outage
-- that lasts longer is known. What most of the last used records of each layer fail takes seconds to
-- judge among 100,000 memories: that is done once in five minutes, or while no sample says; memory.kpis,
-- which is read all the time, hands it from sample to sample. One sample a call; returns it.
create or replace function memory.sample_kpis(p_now timestamptz default now(), p_limit integer default 10000)
returns table (kpi text, scope text, value double precision, label text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_judge boolean;
begin
    if not memory._lock_job('memory.sample_kpis') then
        return;
    end if;
    delete from memory_data.kpi_sample as s
    where s.at in (
        select o.at from memory_data.kpi_sample as o
        where o.at < p_now - memory._setting('kpi_days')::integer * interval '1 day'
        order by o.at limit p_limit);
    delete from memory_data.recall_sample as s
    where s.id in (
        select o.id from memory_data.recall_sample as o
        where o.at < p_now - memory._setting('kpi_days')::integer * interval '1 day'
        order by o.at limit p_limit);
    delete from memory_data.service_report as s
    where (s.instance, s.at) in (
        select o.instance, o.at from memory_data.service_report as o
        where o.at < (
            select max(b.at) from memory_data.service_report as b
            where b.at < p_now - memory._setting('service_report_hours')::integer * interval '1 hour')
        order by o.at limit p_limit);
    v_judge := not exists (
        select from memory_data.kpi_sample as s
        where s.at >= date_bin('5 minutes', p_now, 'epoch') and s.at <= p_now)
    or not exists (
        select from memory._kpis_of_lifecycle(p_now) as k where k.kpi = 'blocking_criterion' and k.value is not null);
    return query
    with measured as materialized (
        select k.kpi, k.scope, k.value, k.label from memory.kpis(p_now) as k
        where not v_judge or k.kpi <> 'blocking_criterion'
        union all
        select 'blocking_criterion', l.name, b.share, b.criterion
        from memory_data.layer as l
        left join lateral (
            select c.share, c.criterion
            from memory.blocking_criteria(l.name, p_now, 300) as c
            where c.failing > 0
            order by c.failing desc, c.alone desc, c.criterion
            limit 1) as b on true
        where v_judge and l.next_layer is not null
    ),
    kept as (
        insert into memory_data.kpi_sample as s (at, kpis)
        select p_now, jsonb_agg(jsonb_strip_nulls(to_jsonb(m))) from measured as m
        on conflict (at) do nothing
    )
    select m.kpi, m.scope, m.value, m.label from measured as m;
end;
$function$;

comment on function memory.sample_kpis is
'Keep the KPIs of this moment, and remove samples and reports past their time; returns the sample.';
