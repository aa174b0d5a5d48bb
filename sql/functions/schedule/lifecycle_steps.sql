-- The steps of memory.run_lifecycle, in their order.
create or replace function memory.lifecycle_steps()
returns text[]
language sql
immutable
set search_path to pg_catalog, pg_temp
as $function$
select array['expire', 'promote', 'pressure']
$function$;

comment on function memory.lifecycle_steps is 'The steps of memory.run_lifecycle, in their order.';
