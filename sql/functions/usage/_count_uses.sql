-- Counts uses of memories given as parallel arrays. Every use of a live memory is kept as an event;
-- at most one a record, session and minute of the clock counts, so that the events alone tell the
-- count. (A minute since the last use instead would count a memory in steady use once and never
-- again.) Ids that are not live (forgotten meanwhile) are left out. The reach of the layers keeps
-- the look-up to the few partitions that can hold a live row: 10 instead of 30 probes an id.
--
-- Rows of usage are updated where they are and stored where they are not: INSERT … ON CONFLICT DO UPDATE
-- would log the lock of each row by itself, 54 of 434 bytes a use. Joined row by row in the order of
-- `counted`, that of the keys, so that two callers never deadlock.
create or replace function memory._count_uses(
    p_namespaces text[], p_ids uuid[], p_sessions text[], p_sources text[], p_now timestamptz
)
returns table (namespace text, id uuid, access_count integer, last_access timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
set enable_hashjoin to off
set enable_mergejoin to off
set enable_seqscan to off
as $function$
#variable_conflict use_column
declare
    v_interact_end timestamptz;
    v_insights_end timestamptz;
begin
    if exists (select from unnest(p_sources) as s (source)
               where s.source is null or s.source not in ('search', 'get', 'touch')) then
        raise exception 'a use has no such source'
            using errcode = 'ML422',
                  detail = format('Given: %s. Known: search, get, touch.',
                                  (select string_agg(distinct coalesce(s.source, 'null'), ', ')
                                   from unnest(p_sources) as s (source))),
                  hint = 'select * from memory.touch(''my-namespace'', array[…]::uuid[]);';
    end if;
    -- Two callers that count the same minute of a session meet here; a statement of its own, so that
    -- the next one's snapshot sees what the other committed.
    perform pg_advisory_xact_lock(hashtext('memory uses'), l.stripe)
    from (select distinct abs(hashtext(u.namespace || ' ' || coalesce(u.session, '')) % 64) as stripe
          from unnest(p_namespaces, p_sessions) as u (namespace, session)
          order by stripe) as l;

    select max(p_now + l.reach) filter (where l.name = 'interact'),
           max(p_now + l.reach) filter (where l.name = 'insights')
    into v_interact_end, v_insights_end
    from memory_data.layer as l;

    return query
    with used as materialized (
        select distinct u.namespace, u.id, u.session, u.source
        from unnest(p_namespaces, p_ids, p_sessions, p_sources) as u (namespace, id, session, source)
    ),
    live as materialized (
        select u.*, m.layer, m.entered_at
        from used as u
        cross join lateral (
            select 'interact'::text as layer, i.entered_at from memory_data.interact as i
            where i.namespace = u.namespace and i.id = u.id
                and i.expires_at > p_now and i.expires_at < v_interact_end
            union all
            select 'insights'::text, i.entered_at from memory_data.insights as i
            where i.namespace = u.namespace and i.id = u.id
                and i.expires_at > p_now and i.expires_at < v_insights_end
            union all
            select 'assets'::text, a.entered_at from memory_data.assets as a
            where a.namespace = u.namespace and a.id = u.id
                and a.expires_at > p_now and a.entered_at < p_now + interval '1 day'
            limit 1) as m
    ),
    counted as materialized (
        -- a snapshot from before this call's own events
        select l.namespace, l.id, min(l.layer) as layer, min(l.entered_at) as entered_at,
            greatest(0, extract(epoch from p_now - min(l.entered_at)))::real as age,
            count(distinct coalesce(l.session, '')) filter (where not exists (
                select from memory_data.access_event as a
                where a.namespace = l.namespace and a.id = l.id
                    and a.session is not distinct from l.session
                    and a.source <> 'rate'
                    and a.at >= date_trunc('minute', p_now)
                    and a.at < date_trunc('minute', p_now) + interval '1 minute')) as uses
        from live as l
        group by l.namespace, l.id
        order by l.namespace, l.id
    ),
    fresh as materialized (
        select c.* from counted as c
        where not exists (
            select from memory_data.usage as u where u.namespace = c.namespace and u.id = c.id)
    ),
    events as (
        insert into memory_data.access_event (namespace, id, at, session, source)
        select l.namespace, l.id, p_now, l.session, l.source from live as l
    ),
    changed as (
        update memory_data.usage as u
        set access_count = u.access_count + c.uses,
            first_access = least(u.first_access, p_now),
            last_access = greatest(u.last_access, p_now),
            -- the mean of the last gap and those before it
            gap = case when c.uses = 0 then u.gap else (
                select (coalesce(u.gap, s.seconds) + s.seconds) / 2
                from (select greatest(0, coalesce(
                    extract(epoch from p_now - u.last_access)::real, c.age)) as seconds) as s)
                end
        from counted as c
        where u.namespace = c.namespace and u.id = c.id
        returning new.namespace, new.id, new.access_count, new.last_access, c.layer, c.entered_at, c.uses,
            old.past_uses + 1 + old.access_count as uses_before, old.gap as gap_before,
            old.last_access as last_use_before
    ),
    stored as (
        insert into memory_data.usage as u (namespace, id, access_count, first_access, last_access, gap)
        select f.namespace, f.id, f.uses, p_now, p_now, f.age
        from fresh as f
        order by f.namespace, f.id
        -- somebody else stored it a moment ago
        on conflict (namespace, id) do update
        set access_count = u.access_count + excluded.access_count,
            first_access = least(u.first_access, excluded.first_access),
            last_access = greatest(u.last_access, excluded.last_access),
            gap = coalesce(u.gap, excluded.gap)
        returning u.namespace, u.id, u.access_count, u.last_access
    ),
    learned as (
        -- after how long it was used again: what eviction learns from
        insert into memory_data.reuse as r (layer, slot, class, step, uses)
        select h.layer, pg_backend_pid() % 16,
            memory._reuse_class(h.uses_before, h.gap_before),
            memory._idle_step(
                extract(epoch from p_now - coalesce(h.last_use_before, h.entered_at))::double precision),
            count(*)
        from (select c.layer, c.entered_at, c.uses, c.uses_before, c.gap_before, c.last_use_before
              from changed as c
              union all
              select f.layer, f.entered_at, f.uses, 1, null, null from fresh as f) as h
        where h.uses > 0
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        on conflict (layer, slot, class, step) do update
        set uses = r.uses + excluded.uses
    )
    select c.namespace, c.id, c.access_count, c.last_access from changed as c
    union all
    select n.namespace, n.id, n.access_count, n.last_access from stored as n;
end;
$function$;

comment on function memory._count_uses is
'Count uses of memories given as parallel arrays; returns the new counts.';
