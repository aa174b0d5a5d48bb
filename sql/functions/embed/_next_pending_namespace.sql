-- The first namespace after p_after, and not after p_until where one is given, that has a memory to
-- embed now; null: none. Never by sorting: statistics lag behind what waits, and a plan for few would
-- sort a hundred thousand for each namespace.
create or replace function memory._next_pending_namespace(p_after text, p_until text, p_now timestamptz)
returns text
language sql
stable
set search_path to pg_catalog, pg_temp
set enable_sort to off
as $function$
select m.namespace
from memory._memories as m
left join memory_data.embedding_failure as f on f.namespace = m.namespace and f.id = m.id
where m.embedding is null and m.expires_at > p_now and m.namespace > coalesce(p_after, '')
    and (p_until is null or m.namespace <= p_until)
    and (f.next_attempt_at is null or f.next_attempt_at <= p_now)
order by m.namespace
limit 1
$function$;

comment on function memory._next_pending_namespace is 'The next namespace in which a memory waits for its vector.';
