-- The tables of partitions that memory._detach_partition detached, oldest first.
create or replace function memory._detached_partitions()
returns table (name text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select c.relname::text
from pg_class as c
where c.relnamespace = 'memory_data'::regnamespace and c.relkind = 'r' and c.relname ~ '^gone_\d+'
order by c.oid
$function$;

comment on function memory._detached_partitions is
'Names of the tables of detached partitions.';
