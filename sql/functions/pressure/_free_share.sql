-- Which share of a heap or TOAST table holds nothing: free, dead, or dead and vacuumed away. 0..1.
--
-- What is left beside the rows counts as free, but for a third of a row on every page they would fill: a
-- full page ends in a rest no row fits into, half a row where all are of one size, less where they differ.
-- So the share of the rows goes to 0 with them. (Counting what is called free, and taking half a row off
-- it on every page there is, left a table emptied to a few rows a tenth full.) A row deleted by a
-- transaction that committed counts as free at once, vacuumed or not. A table without a page is free:
-- vacuum returned them, and what its indexes still have is left over.
--
-- pgstattuple_approx reads only the pages that are not all-visible. Of the others it takes for rows what
-- the free space map does not call free: 40 bytes a page are its header and what the map rounds off.
create or replace function memory._free_share(p_table regclass)
returns double precision
language sql
volatile
set search_path to pg_catalog, public, pg_temp
as $function$
select case
    when a.table_len = 0 or a.approx_tuple_count <= 0 then 1
    else greatest(0, 1 - r.bytes * (1 + r.bytes / a.approx_tuple_count / 3 / b.size) / a.table_len)
end
from pgstattuple_approx(p_table) as a
cross join (select current_setting('block_size')::double precision as size) as b
cross join lateral (
    select greatest(0, a.approx_tuple_len - 40 * (a.table_len / b.size) * (1 - a.scanned_percent / 100))
        as bytes) as r
$function$;

comment on function memory._free_share is
'The share of a table that is free or dead, by pgstattuple_approx.';
