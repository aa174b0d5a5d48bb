-- Whether a day is one of these days of the month; 0 is the last one.
create or replace function memory._is_cron_day(p_date date, p_days integer[])
returns boolean
language sql
immutable
set search_path to pg_catalog, pg_temp
as $function$
select extract(day from p_date) = any (p_days)
    or (0 = any (p_days) and extract(day from p_date + 1) = 1)
$function$;

comment on function memory._is_cron_day is
'Whether a day is one of these days of the month; 0 stands for the last one.';
