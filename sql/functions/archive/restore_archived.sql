-- Brings back records read from a file of the archive. p_records is an array of objects with the
-- fields of memory_data.archive_outbox, `model` as the model's name, JSON as text. A record that is no longer this
-- file's to give (forgotten or restored meanwhile) is left out of the answer. The content's hash lets a
-- dry run of many batches see which of them share a content.
create or replace function memory.restore_archived(
    p_namespace text, p_archive uuid, p_records jsonb, p_now timestamptz default now(),
    p_dry_run boolean default false
)
returns table (namespace text, id uuid, layer text, kind text, outcome text, content_hash bytea)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_named memory_data.archive_outbox[];
    v_records memory_data.archive_outbox[];
    v_file text;
begin
    perform memory._check_namespace(p_namespace);
    select a.file into v_file from memory_data.archive as a where a.id = p_archive;
    select array_agg(jsonb_populate_record(
        null::memory_data.archive_outbox,
        e.record || jsonb_build_object(
            'model', m.id, 'embedding', case when m.id is not null then e.record -> 'embedding' end,
            'expires_at', coalesce(e.record ->> 'expires_at', 'infinity'),
            'metadata', (e.record ->> 'metadata')::jsonb, 'events', (e.record ->> 'events')::jsonb,
            'revisions', (e.record ->> 'revisions')::jsonb, 'usage', (e.record ->> 'usage')::jsonb)))
    into v_named
    from jsonb_array_elements(p_records) as e (record)
    left join memory_data.embedding_model as m on m.name = e.record ->> 'model';

    perform memory._lock_archived(p_namespace, (select array_agg(r.id) from unnest(v_named) as r));
    select array_agg(r) into v_records
    from unnest(v_named) as r
    join memory_data.archived as i
        on i.namespace = r.namespace and i.id = r.id and i.archive = p_archive
    where r.namespace = p_namespace and i.restored_at is null;
    return query
    select r.namespace, r.id, r.layer, r.kind, r.outcome, c.content_hash
    from memory._restore_from_archive(v_records, v_file, p_now, p_dry_run) as r
    join unnest(v_records) as c on c.namespace = r.namespace and c.id = r.id;
end;
$function$;

comment on function memory.restore_archived is
'Bring records read from a file of the archive back; outcome restored, live or same content lives.';
