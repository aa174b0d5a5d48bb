-- Brings back records that were not written to a file yet; see memory._put_records_back for what comes back.
-- The content's hash lets a dry run of many batches see which of them share a content.
create or replace function memory.restore_outbox(
    p_namespace text, p_ids uuid[], p_now timestamptz default now(), p_dry_run boolean default false
)
returns table (namespace text, id uuid, layer text, kind text, outcome text, content_hash bytea)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_records memory_data.archive_outbox[];
begin
    perform memory._check_namespace(p_namespace);
    perform memory._lock_archived(p_namespace, p_ids);
    select array_agg(o order by o.seq) into v_records
    from memory_data.archive_outbox as o
    where o.namespace = p_namespace and o.id = any (p_ids);
    return query
    select r.namespace, r.id, r.layer, r.kind, r.outcome, c.content_hash
    from memory._restore_from_archive(v_records, 'outbox', p_now, p_dry_run) as r
    join unnest(v_records) as c on c.namespace = r.namespace and c.id = r.id;
end;
$function$;

comment on function memory.restore_outbox is
'Bring records of a namespace back from the outbox of the archive; outcome restored, '
'live or same content lives.';
