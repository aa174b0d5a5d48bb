-- What a partition takes once compressed: without the indexes that go, with the small one, whose size
-- is known or estimated (about 300 bytes a row at 384 dimensions and m = 16: code, links, headers).
create or replace function memory._compressed_bytes(
    p_partition text, p_rows bigint, p_bytes bigint, p_small boolean
)
returns bigint
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select p_bytes
    - coalesce(pg_total_relation_size(to_regclass(format('memory_data.%I', p_partition || '_exact'))), 0)
    - coalesce(pg_total_relation_size(to_regclass(format('memory_data.%I', p_partition || '_hnsw'))), 0)
    + case when p_small or memory._has_index(p_partition, 'bits') then 0
           else p_rows * (108 + 6 * memory._setting('hnsw_m')::integer
                          + (select a.atttypmod / 4 from pg_attribute as a
                             where a.attrelid = to_regclass(format('memory_data.%I', p_partition))
                                 and a.attname = 'embedding'))
      end
$function$;

comment on function memory._compressed_bytes is
'Bytes a partition takes once it is compressed.';
