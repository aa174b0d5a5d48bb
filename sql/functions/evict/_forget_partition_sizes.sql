-- The next measurement looks into the partitions of a layer anew: the counters that say that rows died
-- may come up to a minute later, and what they miss would be evicted a second time.
create or replace function memory._forget_partition_sizes(p_layer text, p_dry_run boolean)
returns void
language sql
volatile
set search_path to pg_catalog, pg_temp
as $function$
delete from memory_data.partition_size as p where p.layer = p_layer and not p_dry_run
$function$;

comment on function memory._forget_partition_sizes is
'Forget what was measured of a layer''s partitions.';
