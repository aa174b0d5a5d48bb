-- The place of the last turn of a session so far, 0 when it is new.
create or replace function memory._last_turn(p_namespace text, p_session text)
returns integer
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select coalesce(max(m.turn), 0)
from memory._memories as m
where m.namespace = p_namespace and m.session = p_session
$function$;

comment on function memory._last_turn is 'The number of the last turn of a session, 0 for a new one.';
