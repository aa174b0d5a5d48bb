-- Count uses of memories of many namespaces: what a service collected in a second, in one call. For
-- memory_operator, whom row security lets see all of them.
create or replace function memory.touch_many(
    p_namespaces text[], p_ids uuid[], p_sessions text[], p_sources text[],
    p_now timestamptz default now()
)
returns table (namespace text, id uuid, access_count integer, last_access timestamptz)
language sql
set search_path to pg_catalog, pg_temp
as $function$
select c.namespace, c.id, c.access_count, c.last_access
from memory._count_uses(p_namespaces, p_ids, p_sessions, p_sources, p_now) as c
$function$;

comment on function memory.touch_many is
'Count uses of memories of many namespaces, given as parallel arrays; returns the new counts.';
