-- Delete memories permanently, by id. What is named and is not there is no error: the answer says what
-- went: expired memories whose bytes are still there too, and archived ones (see
-- memory._forget_archived). One decision row each stays, without the content.
--
-- Memories move between layers and archive while this runs. The archive's rows are locked first, so
-- a restore under way ends before the layers are looked at; the archive is looked at last, for what
-- was leaving its layer meanwhile.
create or replace function memory.forget(
    p_namespace text, p_ids uuid[], p_dry_run boolean default false, p_now timestamptz default now(),
    p_if_match text[] default null
)
returns table (id uuid, layer text, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    if p_if_match is not null then
        perform memory._require_match(p_namespace, i.id, p_if_match, p_now)
        from (select distinct u.id from unnest(p_ids) as u (id) order by u.id) as i;
    end if;
    if p_dry_run then
        return query
        with there as (
            select m.id, m.layer, m.kind, 'infinity'::timestamptz as archived_at, false as is_copy
            from memory._memories as m
            where m.namespace = p_namespace and m.id = any (p_ids)
            union all
            select o.id, o.layer, o.kind, o.archived_at, false from memory_data.archive_outbox as o
            where o.namespace = p_namespace and o.id = any (p_ids)
            union all
            select i.id, i.layer, i.kind, i.archived_at, i.restored_at is not null
            from memory_data.archived as i
            where i.namespace = p_namespace and i.id = any (p_ids)
        )
        select distinct on (t.id) t.id, t.layer, t.kind from there as t
        order by t.id, t.is_copy, t.archived_at desc, t.layer;
        return;
    end if;
    -- evicted ones: how they were used
    delete from memory_data.ghost as g where g.namespace = p_namespace and g.id = any (p_ids);
    perform memory._forget_detached(p_namespace, p_ids);
    perform memory._lock_archived(p_namespace, p_ids);
    -- Upwards, each with a snapshot of its own: what is promoted meanwhile is waited for in its layer
    -- and found in the next.
    return query
    with gone as materialized (
        select d.id, 'interact'::text as layer, d.kind, 1 as place
        from memory._delete_records('interact', p_namespace, p_ids) as d
        union all
        select d.id, 'insights'::text, d.kind, 2 from memory._delete_records('insights', p_namespace, p_ids) as d
        union all
        select d.id, 'assets'::text, d.kind, 3 from memory._delete_records('assets', p_namespace, p_ids) as d
        union all
        select d.id, d.layer, d.kind, 4 from memory._forget_archived(p_namespace, p_ids, p_now) as d
    ),
    once as materialized (
        select distinct on (g.id) g.id, g.layer, g.kind, g.place from gone as g
        order by g.id, g.place = 4, g.layer
    ),
    decided as (
        insert into memory_data.decision (namespace, id, at, action, layer, kind, job_run, detail)
        select p_namespace, o.id, p_now, 'forget', o.layer, o.kind, memory._job_run(),
            case when o.place = 4 then jsonb_build_object('archived', true) end
        from once as o
    )
    select o.id, o.layer, o.kind from once as o;
    if found then
        perform memory._note_change(p_namespace);
    end if;
    -- of those too that went by themselves before: what edited ones said hangs on them
    perform memory._delete_traces(p_namespace, p_ids);
end;
$function$;

comment on function memory.forget is
'Delete memories by id, archived ones too, with usage, history and events; returns what went. '
'p_dry_run changes nothing. p_if_match: only live ones whose etag is one of these, else ML412.';
