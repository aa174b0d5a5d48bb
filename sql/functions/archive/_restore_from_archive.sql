-- Brings records back whose archive entries the caller holds locked. A record whose id lives again
-- already (a restored backup) is told as live and left where it is; one whose content was remembered
-- anew meanwhile stays in the archive, or a search would find it twice. Of equal ones the latest comes.
create or replace function memory._restore_from_archive(
    p_records memory_data.archive_outbox[], p_from text, p_now timestamptz, p_dry_run boolean
)
returns table (namespace text, id uuid, layer text, kind text, outcome text)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_back memory_data.archive_outbox[];
begin
    -- writers of the same contents wait, as for each other (memory._store)
    perform pg_advisory_xact_lock(hashtextextended(s.namespace, s.stripe))
    from (select distinct r.namespace, memory._content_stripe(r.content) as stripe
          from unnest(p_records) as r order by r.namespace, stripe) as s;
    select coalesce(array_agg(l.record), '{}') into v_back
    from (
        select distinct on (r.namespace, r.content_hash) r as record
        from unnest(p_records) as r
        where not exists (
            select from memory._memories as m
            where m.namespace = r.namespace and (m.expires_at > p_now or m.pinned)
                and (m.id = r.id or m.content_hash = r.content_hash))
        order by r.namespace, r.content_hash, r.archived_at desc, r.id) as l;

    if not p_dry_run then
        perform memory._put_records_back(v_back, p_now);
        with returned as (
            update memory_data.archived as i set restored_at = p_now
            from unnest(v_back) as r
            where i.namespace = r.namespace and i.id = r.id and i.restored_at is null
            returning i.archive
        )
        update memory_data.archive as a set restored = a.restored + n.records
        from (select r.archive, count(*) as records from returned as r group by r.archive) as n
        where a.id = n.archive;
        delete from memory_data.archive_outbox as o using unnest(v_back) as r
        where o.namespace = r.namespace and o.id = r.id;
        insert into memory_data.decision (namespace, id, at, action, layer, kind, job_run, detail)
        select r.namespace, r.id, p_now, 'restore', r.layer, r.kind, memory._job_run(),
            jsonb_build_object('from', p_from, 'archived_at', r.archived_at, 'entered_at', r.entered_at)
        from unnest(v_back) as r;
        perform memory._note_change(n.namespace, n.records, n.layers, n.keys)
        from (select r.namespace, count(*) as records, array_agg(r.layer) as layers,
                  array_agg(case when l.partition_key = 'entered_at' then p_now
                                 else coalesce(p_now + l.ttl, 'infinity') end) as keys
              from unnest(v_back) as r
              join memory_data.layer as l on l.name = r.layer
              group by r.namespace order by r.namespace) as n;
    end if;

    return query
    select r.namespace, r.id, r.layer, r.kind,
        case when exists (select from unnest(v_back) as b where b.namespace = r.namespace and b.id = r.id)
             then 'restored'
             when exists (
                 select from memory._memories as m
                 where m.namespace = r.namespace and m.id = r.id and (m.expires_at > p_now or m.pinned))
             then 'live'
             else 'same content lives' end
    from unnest(p_records) as r;
end;
$function$;

comment on function memory._restore_from_archive is
'Put records back into their layers and out of the archive; outcome restored, live or same content lives.';
