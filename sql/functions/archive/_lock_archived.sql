-- Locks what the archive knows of these records, outbox before index, in key order, so that whoever
-- restores, registers or forgets them goes one after the other. Volatile: each statement sees what
-- those it waited for committed.
create or replace function memory._lock_archived(p_namespace text, p_ids uuid[])
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    perform from memory_data.archive_outbox as o
    where o.namespace = p_namespace and o.id = any (p_ids)
    order by o.id
    for update;
    perform from memory_data.archived as i
    where i.namespace = p_namespace and i.id = any (p_ids)
    order by i.id, i.archive
    for update;
end;
$function$;

comment on function memory._lock_archived is
'Lock the outbox and index rows of records for the rest of the transaction.';
