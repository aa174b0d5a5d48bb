-- Has the copies of records erased that were restored before p_before: files keep them until then, so
-- that a database restored to a moment before still finds them. One bounded batch.
create or replace function memory.drop_copies(
    p_before timestamptz, p_limit integer default 10000, p_dry_run boolean default false,
    p_now timestamptz default now()
)
returns table (namespace text, id uuid, archive uuid)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_dry_run then
        return query
        select i.namespace, i.id, i.archive from memory_data.archived as i
        where i.restored_at < p_before
        order by i.namespace, i.id, i.archive
        limit p_limit;
        return;
    end if;
    return query
    with chosen as (
        select i.namespace, i.id, i.archive from memory_data.archived as i
        where i.restored_at < p_before
        order by i.namespace, i.id, i.archive
        limit p_limit
        for update
    ),
    gone as (
        delete from memory_data.archived as i using chosen as c
        where i.namespace = c.namespace and i.id = c.id and i.archive = c.archive
        returning i.namespace, i.id, i.archive
    )
    insert into memory_data.archive_erasure (namespace, id, archive, requested_at)
    select g.namespace, g.id, g.archive, p_now from gone as g
    returning namespace, id, archive;
end;
$function$;

comment on function memory.drop_copies is
'Queue the erasure of archived copies of records restored before a moment.';
