-- Counts uses of memories given as parallel arrays. Every use of a live memory is kept as an event;
-- at most one a record, session and minute of the clock counts, so that the events alone tell the
-- count. (A minute since the last use instead would count a memory in steady use once and never
-- again.) Ids that are not live (forgotten meanwhile) are left out. The reach of the layers keeps
-- the look-up to the few partitions that can hold a live row: 10 instead of 30 probes an id.
create or replace function memory._count_uses(
    p_namespaces text[], p_ids uuid[], p_sessions text[], p_sources text[], p_now timestamptz
)
returns table (namespace text, id uuid, access_count integer, last_access timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
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
    ),
    events as (
        insert into memory_data.access_event (namespace, id, at, session, source)
        select l.namespace, l.id, p_now, l.session, l.source from live as l
    ),
    changed as (
        insert into memory_data.usage as u (namespace, id, access_count, first_access, last_access, gap)
        select c.namespace, c.id, c.uses, p_now, p_now, c.age
        from counted as c
        -- always in the same order, so that two callers never wait for each other in a ring
        order by c.namespace, c.id
        on conflict (namespace, id) do update
        set access_count = u.access_count + excluded.access_count,
            first_access = least(u.first_access, excluded.first_access),
            last_access = greatest(u.last_access, excluded.last_access),
            -- the mean of the last gap and those before it
            gap = case when excluded.access_count = 0 then u.gap else (
                select (coalesce(u.gap, s.seconds) + s.seconds) / 2
                from (select greatest(0, coalesce(
                    extract(epoch from excluded.last_access - u.last_access)::real, excluded.gap)) as seconds) as s)
                end
        returning new.namespace, new.id, new.access_count, new.last_access,
            coalesce(old.past_uses, 0) + 1 + coalesce(old.access_count, 0) as uses_before,
            old.gap as gap_before, old.last_access as last_use_before
    ),
    learned as (
        -- after how long it was used again: what eviction learns from
        insert into memory_data.reuse as r (layer, slot, class, step, uses)
        select c.layer, pg_backend_pid() % 16,
            memory._reuse_class(h.uses_before, h.gap_before),
            memory._idle_step(extract(epoch from p_now - coalesce(h.last_use_before, c.entered_at))::double precision),
            count(*)
        from changed as h
        join counted as c on c.namespace = h.namespace and c.id = h.id
        where c.uses > 0
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        on conflict (layer, slot, class, step) do update
        set uses = r.uses + excluded.uses
    )
    select h.namespace, h.id, h.access_count, h.last_access from changed as h;
end;
$function$;

comment on function memory._count_uses is
'Count uses of memories given as parallel arrays; returns the new counts.';
