-- Keep what a service counted since its last report. p_now is the moment of the report; one sent again
-- is kept once.
create or replace function memory.report_service(
    p_instance uuid, p_seconds double precision, p_requests integer, p_errors integer, p_searches integer,
    p_degraded integer, p_query_hits integer, p_query_misses integer, p_embedding_hits integer,
    p_embedding_misses integer, p_bounds double precision[], p_counts integer[], p_farewell boolean default false,
    p_now timestamptz default now()
)
returns setof memory_data.service_report
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.service_report as r (
    instance, at, seconds, requests, errors, searches, degraded, query_hits, query_misses, embedding_hits,
    embedding_misses, bounds, counts, farewell)
values (
    p_instance, p_now, p_seconds, p_requests, p_errors, p_searches, p_degraded, p_query_hits, p_query_misses,
    p_embedding_hits, p_embedding_misses, p_bounds, p_counts, p_farewell)
on conflict (instance, at) do nothing
returning r.*
$function$;

comment on function memory.report_service is
'Keep what a service counted in the last seconds; the KPIs of performance come from it.';
