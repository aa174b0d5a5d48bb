-- The end of a partition's name, by its start: 20261123_08 for 8 h steps, 20261123 for days and
-- longer, 2026 for years.
create or replace function memory._partition_suffix(p_parent text, p_start timestamptz)
returns text
language sql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
select to_char(p_start, case p_parent
    when 'interact' then 'YYYYMMDD_HH24'
    when 'assets' then 'YYYY'
    when 'decision' then 'YYYYMM'
    when 'revision' then 'YYYYMM'
    else 'YYYYMMDD'
end)
$function$;

comment on function memory._partition_suffix is 'The end of a partition''s name, from its start.';
