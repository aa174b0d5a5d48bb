-- Since when the oldest segment of WAL waits to be archived; null where none does, or where this role
-- may not look (bootstrap.sql lets memory_operator, where it is run by a superuser). PL/pgSQL, because
-- a function in SQL checks the privilege before it can ask for it.
create or replace function memory._wal_waiting_since()
returns timestamptz
language plpgsql
volatile
set search_path to pg_catalog, pg_temp
as $function$
begin
    if not has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'execute') then
        return null;
    end if;
    return (select min(f.modification) from pg_ls_archive_statusdir() as f where f.name like '%.ready');
end;
$function$;

comment on function memory._wal_waiting_since is
'Since when the oldest segment of WAL waits to be archived; null: none, or it may not be seen.';
