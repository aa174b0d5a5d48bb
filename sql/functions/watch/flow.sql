-- How many records were moved and let go in each hour of the last p_hours: a row an hour, layer
-- and action, with to_layer for promotions; a decision over a whole partition counts its records.
create or replace function memory.flow(p_now timestamptz default now(), p_hours integer default 24)
returns table (hour timestamptz, layer text, action text, to_layer text, records bigint)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select date_trunc('hour', d.at), d.layer, d.action, d.to_layer, sum(d.records)::bigint
from memory_data.decision as d
where d.at > p_now - p_hours * interval '1 hour' and d.at <= p_now and d.action <> 'keep'
group by 1, 2, 3, 4
order by 1, 2, 3, 4
$function$;

comment on function memory.flow is
'Records promoted, expired, evicted, archived and forgotten in each hour of the last p_hours.';
