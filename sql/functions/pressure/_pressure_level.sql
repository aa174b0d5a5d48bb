-- The level of a usage in percent, with hysteresis: it rises when usage reaches a threshold and falls
-- only when usage is p_margin below it, so that a usage about a threshold does not flap.
create or replace function memory._pressure_level(
    p_usage double precision, p_was text, p_medium double precision, p_high double precision,
    p_margin double precision
)
returns text
language sql
immutable
parallel safe
set search_path to pg_catalog, pg_temp
as $function$
select case
    when p_usage >= p_high or (p_was = 'high' and p_usage >= p_high - p_margin) then 'high'
    when p_usage >= p_medium or (p_was in ('medium', 'high') and p_usage >= p_medium - p_margin)
        then 'medium'
    else 'low'
end
$function$;

comment on function memory._pressure_level is
'low, medium or high, from a usage, its thresholds and the level it had.';
