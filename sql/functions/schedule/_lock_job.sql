-- The lock under which a job runs, whoever runs it: pg_cron, the service, somebody by hand. Held to
-- the end of the transaction; a second one does not wait but is told, and returns.
create or replace function memory._lock_job(p_name text)
returns boolean
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    if pg_try_advisory_xact_lock(hashtextextended('memory job ' || p_name, 0)) then
        return true;
    end if;
    raise notice '% is already running', p_name;
    return false;
end;
$function$;

comment on function memory._lock_job is
'Take the lock of a job for this transaction; false, with a notice, when it runs elsewhere.';
