-- The partitions of a table with their bounds, oldest first.
create or replace function memory._partitions_of_table(p_parent text)
returns table (name text, starts timestamptz, ends timestamptz, detaching boolean)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select c.relname::text,
    (regexp_match(b.bound, 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
    (regexp_match(b.bound, 'TO \(''([^'']+)''\)'))[1]::timestamptz as ends,
    i.inhdetachpending
from pg_inherits as i
join pg_class as c on c.oid = i.inhrelid
cross join lateral pg_get_expr(c.relpartbound, c.oid) as b (bound)
where i.inhparent = format('memory_data.%I', p_parent)::regclass
order by ends
$function$;

comment on function memory._partitions_of_table is
'The partitions of a table: name, bounds, and whether a detach was left unfinished.';
