-- One program at a time writes, rewrites and cleans the archive. The lock is the session's: it ends
-- with the connection, whose death also keeps a late upload from being registered.
create or replace function memory.lock_archive()
returns boolean
language sql
set search_path to pg_catalog, pg_temp
as $function$
select pg_try_advisory_lock(hashtextextended('memory.archive files', 0))
$function$;

comment on function memory.lock_archive is
'Take the archive for this session; false when another session has it.';
