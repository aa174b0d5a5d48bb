-- Which share of a heap or TOAST table holds nothing: free, dead, or dead and vacuumed away. 0..1.
--
-- pgstattuple_approx reads only the pages that are not all-visible and asks the free space map for
-- the others. Of what it calls free half a row a page is taken off: a page that is full of rows ends,
-- on average, in a rest of that size, which no row fits into. A row deleted by a transaction that
-- committed counts as free at once, vacuumed or not.
create or replace function memory._free_share(p_table regclass)
returns double precision
language sql
volatile
set search_path to pg_catalog, public, pg_temp
as $function$
select case
    when a.table_len = 0 then 0
    when a.approx_tuple_count <= 0 then 1
    else least(1, greatest(0, a.dead_tuple_len + a.approx_free_space
        - a.table_len / current_setting('block_size')::double precision
          * a.approx_tuple_len / a.approx_tuple_count / 2) / a.table_len)
end
from pgstattuple_approx(p_table) as a
$function$;

comment on function memory._free_share is
'The share of a table that is free or dead, by pgstattuple_approx.';
