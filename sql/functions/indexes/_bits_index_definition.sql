-- The definition of a compressed partition's search index: HNSW over two bits a dimension. It needs
-- half the links of an index of whole vectors, for the whole vectors are compared afterwards.
create or replace function memory._bits_index_definition(p_layer text)
returns text
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select format('using hnsw ((%s) public.bit_hamming_ops) with (m = %s, ef_construction = %s)',
              memory._bits_expression('embedding', a.atttypmod),
              greatest(memory._setting('hnsw_m')::integer / 2, 4),
              greatest(memory._setting('hnsw_ef_construction')::integer / 2, 8))
from pg_attribute as a
where a.attrelid = to_regclass(format('memory_data.%I', p_layer)) and a.attname = 'embedding'
$function$;

comment on function memory._bits_index_definition is
'The definition of the search index of a layer''s compressed partitions.';
