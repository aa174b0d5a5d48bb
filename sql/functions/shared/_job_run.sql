-- The job run a transaction belongs to, null outside of one: set as magray.job_run by whatever
-- started it.
create or replace function memory._job_run()
returns bigint
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select nullif(current_setting('magray.job_run', true), '')::bigint
$function$;

comment on function memory._job_run is 'The id of the job run of this transaction, if any.';
