-- Where the partition of a moment begins: whole steps since 2000-01-01 UTC, so that two who ask never
-- disagree about it.
create or replace function memory._partition_start(p_step interval, p_at timestamptz)
returns timestamptz
language sql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
select case
    -- by its fields: as values, '30 days' = '1 month' and '1 year' = '360 days'
    when extract(year from p_step) > 0 then date_trunc('year', p_at)
    when extract(month from p_step) > 0 then date_trunc('month', p_at)
    else date_bin(p_step, p_at, timestamptz '2000-01-01 00:00:00+00')
end
$function$;

comment on function memory._partition_start is
'The beginning of the partition of a step in which a moment lies.';
