-- What the archive still has to do: records that wait for a file, forgotten ones that files still
-- hold, files that must leave the store, each with the oldest request. p_namespace: records of that
-- one alone; files to be deleted are everybody's, for nothing tells any more whose records they hold.
create or replace function memory.archive_backlog(p_namespace text default null)
returns table (item text, waiting bigint, since timestamptz, note text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'to write', count(*), min(o.archived_at), null::text from memory_data.archive_outbox as o
where p_namespace is null or o.namespace = p_namespace
union all
select 'to erase', count(*), min(e.requested_at), null from memory_data.archive_erasure as e
where p_namespace is null or e.namespace = p_namespace
union all
select 'to delete', count(*), min(d.requested_at), max(d.last_error)
from memory_data.archive_deletion as d
$function$;

comment on function memory.archive_backlog is
'What waits for `magray archive run`: records to write, to erase, files to delete.';
