-- Which sql/ folder this schema was built from: the service refuses to serve on another one.
create or replace function memory.code_digest()
returns text
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select c.digest from memory_data.code_state as c
$function$;

comment on function memory.code_digest is 'The digest of the sql/ folder this schema was built from.';
