-- The index of exact search within a namespace, index-only: of every partition of a layer, and not of
-- the layer itself, because an index of the parent cannot be dropped for one partition, and a
-- compressed one does without. expires_at is in the key so that the planner never prefers the primary
-- key and its heap fetches. An index row holds 2,704 bytes: a vector of more than 1,200 dimensions
-- stays in the heap.
create or replace function memory._exact_index_definition(p_layer text)
returns text
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select format('using btree (namespace, expires_at) %s where (embedding is not null)',
              case when a.atttypmod <= 1200 then 'include (id, entered_at, model, embedding)' else '' end)
from pg_attribute as a
where a.attrelid = to_regclass(format('memory_data.%I', p_layer)) and a.attname = 'embedding'
$function$;

comment on function memory._exact_index_definition is
'The definition of the exact-search index of a layer''s partitions.';
