-- Every KPI at p_now, with what it is (memory.kpi_catalogue). A value that nothing was measured for is
-- null, never 0. `label` says in words what a number cannot: a level, a criterion, an instant, a job.
-- Who may not read the tables is answered by memory._analyst_kpis.
create or replace function memory.kpis(p_now timestamptz default now())
returns table (
    kpi text, kpi_group text, scope text, value double precision, label text, unit text,
    looks_back interval, meaning text
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if not has_schema_privilege('memory_data', 'usage') then
        return query select * from memory._analyst_kpis(p_now);
        return;
    end if;
    return query
    select c.kpi, c.kpi_group, k.scope, k.value, k.label, c.unit, c.looks_back, c.meaning
    from (
        select * from memory._kpis_of_memory(p_now)
        union all
        select * from memory._kpis_of_service(p_now)
        union all
        select * from memory._kpis_of_lifecycle(p_now)
        union all
        select * from memory._kpis_of_backup(p_now)
    ) as k
    join memory.kpi_catalogue as c on c.kpi = k.kpi
    order by c.position, k.place;
end;
$function$;

comment on function memory.kpis is
'Every KPI now: value, words, unit, window and meaning; null where nothing was measured.';
