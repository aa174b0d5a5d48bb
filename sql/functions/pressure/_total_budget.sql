-- Bytes all layers together may take.
create or replace function memory._total_budget()
returns bigint
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select coalesce((memory._setting('total_max_mb') #>> '{}')::numeric::bigint << 20, sum(l.max_bytes)::bigint)
from memory_data.layer as l
$function$;

comment on function memory._total_budget is
'The budget of all layers together: total_max_mb, or the sum of theirs.';
