-- Before a file is written to the store its name is kept as one to be deleted, which registering it
-- takes back: whatever dies in between, the next run finds the file and deletes it or makes it anew.
create or replace function memory.announce_file(p_file text, p_now timestamptz default now())
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.archive_deletion (file, requested_at) values (p_file, p_now)
on conflict (file) do nothing
$function$;

comment on function memory.announce_file is
'Note the name of a file of the archive before it is written.';
