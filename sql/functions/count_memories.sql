-- What a namespace, or some ids of it, hold where: the layers (expired rows whose bytes are still
-- there too), the outbox and the files of the archive. What `magray forget --dry-run` shows.
create or replace function memory.count_memories(p_namespace text, p_ids uuid[] default null)
returns table (place text, memories bigint, files bigint)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    return query
    select l.name, count(m.id), 0::bigint
    from memory_data.layer as l
    left join memory._memories as m
        on m.layer = l.name and m.namespace = p_namespace and (p_ids is null or m.id = any (p_ids))
    group by l.name, l.position
    order by l.position;
    return query
    select 'outbox', count(*), 0::bigint from memory_data.archive_outbox as o
    where o.namespace = p_namespace and (p_ids is null or o.id = any (p_ids));
    return query
    select 'archive', count(*), count(distinct i.archive) from memory_data.archived as i
    where i.namespace = p_namespace and (p_ids is null or i.id = any (p_ids));
end;
$function$;

comment on function memory.count_memories is
'How many memories of a namespace lie in each layer, in the outbox and in how many archive files.';
