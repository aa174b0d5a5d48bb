-- What a namespace, or some ids of it, hold where: the layers (expired rows whose bytes are still
-- there too), the outbox and the files of the archive. What `magray forget --dry-run` shows: each memory
-- counts once, where memory.forget finds it; a copy that a file keeps of one that was restored, or waits
-- in the outbox again, counts by itself.
create or replace function memory.count_memories(p_namespace text, p_ids uuid[] default null)
returns table (place text, memories bigint, copies bigint, files bigint)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    return query
    with there as materialized (
        select m.id, m.layer as place, 1 as rank, null::uuid as archive from memory._memories as m
        where m.namespace = p_namespace and (p_ids is null or m.id = any (p_ids))
        union all
        select o.id, 'outbox', 2, null from memory_data.archive_outbox as o
        where o.namespace = p_namespace and (p_ids is null or o.id = any (p_ids))
        union all
        select i.id, 'archive', 3, i.archive from memory_data.archived as i
        where i.namespace = p_namespace and (p_ids is null or i.id = any (p_ids))
    ),
    ranked as (
        select t.place, t.archive,
            row_number() over (partition by t.id order by t.rank, t.place, t.archive) = 1 as is_first
        from there as t
    )
    select p.place, count(r.place) filter (where r.is_first), count(r.place) filter (where not r.is_first),
        count(distinct r.archive)
    from (select l.name as place, l.position from memory_data.layer as l
          union all values ('outbox', 1000), ('archive', 1001)) as p (place, position)
    left join ranked as r on r.place = p.place
    group by p.place, p.position
    order by p.position;
end;
$function$;

comment on function memory.count_memories is
'How many memories of a namespace lie in each layer, in the outbox and in how many archive files.';
