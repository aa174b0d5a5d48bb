-- Settles what a file of the archive held when it is gone from the store or damaged beyond repair, as its
-- operator says: who calls has looked. What was to be erased goes with the file. What lay in it alone is
-- lost: its entry goes and a decision a record says so (forget, with lost and the file's name). What
-- lives, waits in the outbox or lies in another file as well loses only this copy.
--
-- One bounded batch of each; called until it returns nothing. With the last one the archive itself
-- goes, and its name is left to be deleted: a damaged file lies there still, one that is gone may turn up
-- again, and nobody knows it any more.
-- p_dry_run tells what the same call would do.
--
-- Entries are locked before the archive, as memory.forget does.
create or replace function memory.settle_archive(
    p_archive uuid, p_was text, p_limit integer default 10000, p_dry_run boolean default false,
    p_now timestamptz default now()
)
returns table (namespace text, id uuid, layer text, kind text, outcome text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_file text := (select a.file from memory_data.archive as a where a.id = p_archive);
    v_namespaces text[];
    v_ids uuid[];
begin
    if v_file is null then
        return;
    end if;
    if v_file <> p_was then
        raise exception 'file % is not the one of this archive any more', p_was
            using errcode = 'ML409', detail = format('It is %s.', v_file),
                  hint = 'magray archive clean --dry-run';
    end if;
    select array_agg(l.namespace), array_agg(l.id) into v_namespaces, v_ids
    from (
        select i.namespace, i.id from memory_data.archived as i
        where i.archive = p_archive
        order by i.namespace, i.id
        limit p_limit
        for update) as l;
    return query
    with chosen as materialized (
        select i.namespace, i.id, i.layer, i.kind,
            i.restored_at is null
            and not exists (
                select from memory_data.archived as o
                where o.namespace = i.namespace and o.id = i.id and o.archive <> p_archive
                    and o.restored_at is null)
            and not exists (
                select from memory_data.archive_outbox as o
                where o.namespace = i.namespace and o.id = i.id)
            and not exists (
                select from memory._memories as m
                where m.namespace = i.namespace and m.id = i.id and m.expires_at > p_now) as lost
        from unnest(v_namespaces, v_ids) as l (namespace, id)
        join memory_data.archived as i
            on i.namespace = l.namespace and i.id = l.id and i.archive = p_archive
    ),
    gone as (
        delete from memory_data.archived as i using chosen as c
        where not p_dry_run
            and i.namespace = c.namespace and i.id = c.id and i.archive = p_archive
    ),
    decided as (
        insert into memory_data.decision (namespace, id, at, action, layer, kind, detail)
        select c.namespace, c.id, p_now, 'forget', c.layer, c.kind,
            jsonb_build_object('archived', true, 'lost', true, 'file', p_was)
        from chosen as c
        where c.lost and not p_dry_run
    ),
    owed as materialized (
        select e.namespace, e.id from memory_data.archive_erasure as e
        where e.archive = p_archive
        order by e.namespace, e.id
        limit p_limit
    ),
    erased as (
        delete from memory_data.archive_erasure as e using owed as o
        where not p_dry_run
            and e.namespace = o.namespace and e.id = o.id and e.archive = p_archive
    )
    select c.namespace, c.id, c.layer, c.kind, case when c.lost then 'lost' else 'copy' end
    from chosen as c
    union all
    select o.namespace, o.id, null, null, 'erased' from owed as o;

    if not p_dry_run then
        perform from memory_data.archive as a where a.id = p_archive for update;
        delete from memory_data.archive as a
        where a.id = p_archive
            and not exists (select from memory_data.archived as i where i.archive = p_archive)
            and not exists (select from memory_data.archive_erasure as e where e.archive = p_archive);
        if found then
            insert into memory_data.archive_deletion (file, requested_at) values (p_was, p_now)
            on conflict (file) do nothing;
        end if;
    end if;
end;
$function$;

comment on function memory.settle_archive is
'Settle what a file of the archive held that is gone or damaged beyond repair; outcome erased, lost or copy.';
