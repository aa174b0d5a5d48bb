-- Which run of a job this transaction is: memory.run_job says so, decisions keep it.
create or replace function memory._current_run()
returns bigint
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select nullif(current_setting('magray.job_run', true), '')::bigint
$function$;

comment on function memory._current_run is
'The run of a job this transaction belongs to, for memory_data.decision; null by hand.';
