-- Where the archived records of a namespace lie: one row a file with the ids in it, the outbox last
-- with file null. Oldest file first. Of a record that was archived twice (a restored backup brought
-- it back to its layer in between) only the newer copy is named.
create or replace function memory.find_archived(
    p_namespace text, p_ids uuid[] default null, p_file text default null
)
returns table (archive uuid, file text, bytes bigint, ids uuid[])
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    return query
    select n.archive, a.file, a.bytes, array_agg(n.id order by n.id)
    from (
        select distinct on (i.id) i.id, i.archive
        from memory_data.archived as i
        where i.namespace = p_namespace and i.restored_at is null
            and (p_ids is null or i.id = any (p_ids))
            and not exists (select from memory_data.archive_outbox as o
                            where o.namespace = i.namespace and o.id = i.id)
        order by i.id, i.archived_at desc) as n
    join memory_data.archive as a on a.id = n.archive
    where p_file is null or a.file = p_file or a.id::text = p_file
    group by n.archive, a.file, a.bytes, a.created_at
    order by a.created_at, a.file;

    return query
    select null::uuid, null::text, null::bigint, array_agg(o.id order by o.id)
    from memory_data.archive_outbox as o
    where o.namespace = p_namespace and (p_ids is null or o.id = any (p_ids)) and p_file is null
    having count(*) > 0;
end;
$function$;

comment on function memory.find_archived is
'The files that hold archived records of a namespace, with their ids; file null: the outbox.';
