-- Puts a rewritten file in the place of one that held forgotten records, which is then to be deleted
-- from the store. p_file null: nothing remained. The rows of the new file are counted against the
-- index, so that a rewrite can lose nobody.
create or replace function memory.replace_archive(
    p_archive uuid, p_was text, p_file text, p_tier text, p_bytes bigint, p_rows bigint,
    p_namespaces text[], p_ids uuid[], p_now timestamptz default now()
)
returns table (file text, erased bigint)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_now_at text;
    v_erased bigint;
    v_expected bigint;
begin
    select a.file into v_now_at from memory_data.archive as a where a.id = p_archive for update;
    if v_now_at is distinct from p_was then
        raise exception 'file % is not the one of this archive any more', p_was
            using errcode = 'ML409', detail = format('It is %s.', coalesce(v_now_at, 'gone')),
                  hint = 'magray archive run';
    end if;
    delete from memory_data.archive_erasure as e
    where e.archive = p_archive
        and (e.namespace, e.id) in (select * from unnest(p_namespaces, p_ids));
    get diagnostics v_erased = row_count;
    select (select count(*) from memory_data.archived as i where i.archive = p_archive)
        + (select count(*) from memory_data.archive_erasure as e where e.archive = p_archive)
    into v_expected;
    if v_expected <> p_rows then
        raise exception 'the rewritten file does not hold what it should'
            using errcode = 'ML409', detail = format('Rows: %s, in the index: %s.', p_rows, v_expected),
                  hint = 'magray archive verify';
    end if;

    delete from memory_data.archive_deletion as d where d.file = p_file;
    insert into memory_data.archive_deletion (file, requested_at) values (p_was, p_now)
    on conflict (file) do nothing;
    if p_file is null then
        delete from memory_data.archive as a where a.id = p_archive;
    else
        update memory_data.archive as a
        set file = p_file, tier = p_tier, bytes = p_bytes, rows = p_rows, layers = i.layers,
            namespaces = i.namespaces, oldest = i.oldest, newest = i.newest, restored = i.restored,
            verified_at = p_now, fault = null
        from (
            select coalesce(array_agg(distinct i.layer order by i.layer), '{}') as layers,
                count(distinct i.namespace) as namespaces, count(i.restored_at) as restored,
                coalesce(min(i.created_at), p_now) as oldest, coalesce(max(i.created_at), p_now) as newest
            from memory_data.archived as i
            where i.archive = p_archive) as i
        where a.id = p_archive;
    end if;
    return query select p_file, v_erased;
end;
$function$;

comment on function memory.replace_archive is
'Register a rewritten file of the archive; the old one waits for its deletion.';
