-- Which of these memories still wait for their vector: asked by a writer that waits.
create or replace function memory.without_embedding(
    p_namespace text, p_ids uuid[], p_now timestamptz default now()
)
returns setof uuid
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select m.id
from memory._memories as m
where m.namespace = p_namespace and m.id = any (p_ids) and m.embedding is null
    and m.expires_at > p_now
$function$;

comment on function memory.without_embedding is 'Which of these memories still wait for their vector.';
