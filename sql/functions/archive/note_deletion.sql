-- What became of the deletion of a file of the archive: done, or why not; then it is tried again.
create or replace function memory.note_deletion(p_file text, p_error text default null)
returns table (file text, attempts integer, last_error text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_error is null then
        return query
        delete from memory_data.archive_deletion as d where d.file = p_file
        returning d.file, d.attempts + 1, null::text;
    else
        return query
        update memory_data.archive_deletion as d
        set attempts = d.attempts + 1, last_error = p_error
        where d.file = p_file
        returning d.file, d.attempts, d.last_error;
    end if;
end;
$function$;

comment on function memory.note_deletion is
'Note that a file left the store, or why it did not.';
