-- Every file the archive knows of: those that belong to it, and those that must leave the store.
create or replace function memory.archive_files()
returns table (archive uuid, file text, bytes bigint, rows bigint, leaving boolean)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select a.id, a.file, a.bytes, a.rows, false from memory_data.archive as a
union all
select null, d.file, null, null, true from memory_data.archive_deletion as d
order by 5, 2
$function$;

comment on function memory.archive_files is
'The files of the archive, and with leaving those to be deleted from the store.';
