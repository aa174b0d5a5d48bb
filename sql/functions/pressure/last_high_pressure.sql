-- When a layer, or all together, were last measured at level high. Eviction brings the level down within
-- a minute, so the level itself would be seen by chance only; a compressed backup follows on this.
create or replace function memory.last_high_pressure()
returns timestamptz
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select max(p.high_at) from memory_data.pressure as p
$function$;

comment on function memory.last_high_pressure is
'When memory pressure was last high, in a layer or in total; null when it never was.';
