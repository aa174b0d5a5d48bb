-- Forgets what the archive holds of these records: gone from outbox and index, and so from every view,
-- at once; their bytes in files go when `magray archive run` has rewritten those, for which each
-- leaves an erasure. Copies of restored records are erased as well; told is where a record was last.
create or replace function memory._forget_archived(p_namespace text, p_ids uuid[], p_now timestamptz)
returns table (id uuid, layer text, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    return query
    with waiting as (
        delete from memory_data.archive_outbox as o
        where o.namespace = p_namespace and o.id = any (p_ids)
        returning o.id, o.layer, o.kind, o.archived_at, false as is_copy
    ),
    filed as (
        delete from memory_data.archived as i
        where i.namespace = p_namespace and i.id = any (p_ids)
        returning i.id, i.layer, i.kind, i.archived_at, i.restored_at is not null as is_copy, i.archive
    ),
    erasure as (
        insert into memory_data.archive_erasure (namespace, id, archive, requested_at)
        select p_namespace, f.id, f.archive, p_now from filed as f
        on conflict (namespace, id, archive) do nothing
    )
    select distinct on (g.id) g.id, g.layer, g.kind
    from (select w.id, w.layer, w.kind, w.archived_at, w.is_copy from waiting as w
          union all
          select f.id, f.layer, f.kind, f.archived_at, f.is_copy from filed as f) as g
    order by g.id, g.is_copy, g.archived_at desc, g.layer;
end;
$function$;

comment on function memory._forget_archived is
'Forget archived records of a namespace by id; returns those the archive held.';
