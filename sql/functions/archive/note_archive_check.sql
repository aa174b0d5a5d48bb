-- What a check of a file of the archive found: null is well, otherwise damaged or missing.
create or replace function memory.note_archive_check(
    p_archive uuid, p_fault text, p_now timestamptz default now()
)
returns table (file text, verified_at timestamptz, fault text)
language sql
set search_path to pg_catalog, pg_temp
as $function$
update memory_data.archive as a
set verified_at = case when p_fault is null then p_now else a.verified_at end, fault = p_fault
where a.id = p_archive
returning a.file, a.verified_at, a.fault
$function$;

comment on function memory.note_archive_check is 'Note the health of a file of the archive.';
