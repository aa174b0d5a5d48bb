-- The oldest memories of a namespace that are to be embedded now. Never by sorting, as
-- memory._next_pending_namespace.
create or replace function memory._pending_of_namespace(p_namespace text, p_limit integer, p_now timestamptz)
returns table (id uuid, content text, metadata jsonb, attempts integer)
language sql
stable
set search_path to pg_catalog, pg_temp
set enable_sort to off
as $function$
select m.id, m.content, m.metadata, f.attempts
from memory._memories as m
left join memory_data.embedding_failure as f on f.namespace = m.namespace and f.id = m.id
where m.namespace = p_namespace and m.embedding is null and m.expires_at > p_now
    and (f.next_attempt_at is null or f.next_attempt_at <= p_now)
order by m.id
limit p_limit
$function$;

comment on function memory._pending_of_namespace is
'The oldest memories of a namespace without a vector, with how often their text failed.';
