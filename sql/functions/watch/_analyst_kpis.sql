-- memory.kpis for who may not read the tables, with the owner's rights.
create or replace function memory._analyst_kpis(p_now timestamptz)
returns table (
    kpi text, kpi_group text, scope text, value double precision, label text, unit text,
    looks_back interval, meaning text
)
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select * from memory.kpis(p_now)
$function$;

comment on function memory._analyst_kpis is 'What memory.kpis answers an analyst.';
