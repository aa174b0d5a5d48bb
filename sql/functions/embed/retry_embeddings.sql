-- Try texts again that a provider could not embed, as if they had never been tried: all of them, those of
-- a namespace, or of ids.
create or replace function memory.retry_embeddings(
    p_namespace text default null, p_ids uuid[] default null, p_limit integer default 100000
)
returns table (namespace text, id uuid, attempts integer, last_error text)
language sql
set search_path to pg_catalog, pg_temp
as $function$
delete from memory_data.embedding_failure as f
using (
    select e.namespace, e.id
    from memory_data.embedding_failure as e
    where e.shortened_to is null and e.namespace = coalesce(p_namespace, e.namespace)
        and (p_ids is null or e.id = any (p_ids))
    order by e.namespace, e.id
    limit p_limit
    for update) as k
where f.namespace = k.namespace and f.id = k.id
returning f.namespace, f.id, f.attempts, f.last_error
$function$;

comment on function memory.retry_embeddings is
'Try texts again that could not be embedded, those set aside too; returns what they had failed with.';
