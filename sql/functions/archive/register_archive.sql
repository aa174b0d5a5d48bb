-- Makes a written and verified file part of the archive: its row, one index row a record, and the
-- records out of the outbox, in one transaction. A record that left the outbox since the file was
-- written (forgotten, restored) stops it: the file holds what it must not, and is written anew.
create or replace function memory.register_archive(
    p_id uuid, p_file text, p_tier text, p_bytes bigint, p_seqs bigint[], p_now timestamptz default now()
)
returns table (file text, records bigint)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_waiting bigint;
begin
    perform from memory_data.archive_outbox as o
    where o.seq = any (p_seqs)
    order by o.namespace, o.id
    for update;
    select count(*) into v_waiting from memory_data.archive_outbox as o where o.seq = any (p_seqs);
    if v_waiting = 0 or v_waiting <> cardinality(p_seqs) then
        raise exception 'the outbox changed while % was written', p_file
            using errcode = 'ML409',
                  detail = format('%s of %s records are still there.', v_waiting, cardinality(p_seqs)),
                  hint = 'magray archive run';
    end if;

    delete from memory_data.archive_deletion as d where d.file = p_file;
    insert into memory_data.archive
        (id, file, tier, created_at, bytes, rows, layers, namespaces, oldest, newest)
    select p_id, p_file, p_tier, p_now, p_bytes, count(*), array_agg(distinct o.layer order by o.layer),
        count(distinct o.namespace), min(o.created_at), max(o.created_at)
    from memory_data.archive_outbox as o
    where o.seq = any (p_seqs);
    with gone as (
        delete from memory_data.archive_outbox as o where o.seq = any (p_seqs) returning o.*
    )
    insert into memory_data.archived (namespace, id, archive, layer, kind, created_at, archived_at)
    select g.namespace, g.id, p_id, g.layer, g.kind, g.created_at, g.archived_at
    from gone as g
    order by g.namespace, g.id;
    return query select p_file, v_waiting;
end;
$function$;

comment on function memory.register_archive is
'Register a verified file of the archive and take its records out of the outbox, all or nothing.';
