-- A number that differs after every committed change of a namespace.
create or replace function memory.change_token(p_namespace text)
returns bigint
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select coalesce(sum(c.changes), 0)::bigint
from memory_data.change_counter as c
where c.namespace = p_namespace
$function$;

comment on function memory.change_token is
'Grows with every committed change of a namespace; equal tokens mean an unchanged namespace.';
