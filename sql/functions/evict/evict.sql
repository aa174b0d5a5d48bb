-- Makes room in a layer: its records of the lowest importance * recency / size go, lowest first,
-- until at least p_bytes are gone or p_limit records are. The bytes of a record are those of its
-- row, its share of the indexes and its usage. The room they leave on disk is the layer's to reuse;
-- it is not returned to the system.
--
-- It does what it is told to a layer of policy manual too: that is what manual means. Whatever runs
-- by itself (memory.relieve_pressure) asks the policy first. A record that somebody edits or moves
-- at this moment is passed over, one that was used since the choice was made stays. How an evicted
-- record was used is remembered for a while, so that it does not begin anew when it is stored again.
-- p_dry_run tells what would go and why, and changes nothing.
create or replace function memory.evict(
    p_layer text,
    p_bytes bigint,
    p_now timestamptz default now(),
    p_limit integer default 1000,
    p_dry_run boolean default false
)
returns table (
    namespace text, id uuid, layer text, kind text, size integer, importance double precision,
    recency double precision, worth double precision, action text, freed_bytes bigint
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_layer(p_layer);
    if p_bytes is null or p_bytes < 0 or p_limit is null or p_limit < 1 then
        raise exception 'an eviction needs bytes to free, 0 or more, and a limit, 1 or more'
            using errcode = 'ML422',
                  detail = format('Given: %s bytes, at most %s records.',
                                  coalesce(p_bytes::text, 'null'), coalesce(p_limit::text, 'null')),
                  hint = format('select * from memory.evict(%L, 1000000, p_dry_run => true);', p_layer);
    end if;
    if p_dry_run then
        return query
        select w.namespace, w.id, p_layer, w.kind, w.size, w.importance, w.recency, w.worth,
            case when y.archive_first then 'archive' else 'evict' end, w.size::bigint
        from (select c.*, sum(c.size) over (order by c.worth, c.namespace, c.id) - c.size as before
              from memory._least_worth(p_layer, p_now, p_limit) as c) as w
        join memory_data.layer as y on y.name = p_layer
        where w.before < p_bytes
        order by w.worth, w.namespace, w.id;
        return;
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('memory.evict ' || p_layer, 0)) then
        raise notice 'evict is already running in layer %', p_layer;
        return;
    end if;

    return query
    with chosen as materialized (
        select c.* from memory._choose_evicted(p_layer, p_bytes, p_now, p_limit) as c
    ),
    usage as materialized (
        -- in the order in which uses are counted, so that the two never deadlock
        select u.* from memory_data.usage as u
        where (u.namespace, u.id) in (select c.namespace, c.id from chosen as c)
        order by u.namespace, u.id
        for update
    ),
    going as materialized (
        select c.*, coalesce(u.rating_sum, 0) as rating_sum, coalesce(u.rating_count, 0) as rating_count
        from chosen as c
        left join usage as u on u.namespace = c.namespace and u.id = c.id
        where u.last_access is null or u.last_access <= c.last_use
    ),
    gone as materialized (
        select l.* from memory._archive_or_delete(
            p_layer,
            (select array_agg(g.namespace order by g.namespace, g.id) from going as g),
            (select array_agg(g.id order by g.namespace, g.id) from going as g),
            'evict', p_now) as l
    ),
    remembered as (
        insert into memory_data.ghost as h
            (namespace, content_hash, id, layer, uses, gap, last_use, rating_sum, rating_count)
        -- of equal ones, as there are from before an edit could not make them, the one used last
        select distinct on (g.namespace, g.content_hash)
            g.namespace, g.content_hash, g.id, p_layer, g.uses, g.gap, g.last_use, g.rating_sum,
            g.rating_count
        from going as g
        order by g.namespace, g.content_hash, g.last_use desc, g.id
        on conflict (namespace, content_hash) do update
        set id = excluded.id, layer = excluded.layer, uses = excluded.uses, gap = excluded.gap,
            last_use = excluded.last_use, rating_sum = excluded.rating_sum,
            rating_count = excluded.rating_count
    ),
    decided as (
        insert into memory_data.decision
            (namespace, id, at, action, layer, kind, score, job_run, criteria, detail)
        select g.namespace, g.id, p_now, l.action, p_layer, g.kind, g.worth, memory._job_run(),
            jsonb_build_object(
                'importance', jsonb_build_object('value', g.importance),
                'recency', jsonb_build_object('value', g.recency),
                'size', jsonb_build_object('value', g.size)),
            jsonb_build_object('reason', 'evict', 'uses', g.uses, 'last_use', g.last_use)
        from going as g
        join gone as l on l.namespace = g.namespace and l.id = g.id
    ),
    noted as materialized (
        select memory._note_change(n.namespace)
        from (select distinct l.namespace from gone as l order by l.namespace) as n
    )
    select g.namespace, g.id, p_layer, g.kind, g.size, g.importance, g.recency, g.worth, l.action,
        g.size::bigint
    from going as g
    join gone as l on l.namespace = g.namespace and l.id = g.id
    cross join (select count(*) from noted) as n
    order by g.worth, g.namespace, g.id;
    if found then
        perform memory._forget_partition_sizes(p_layer, p_dry_run);
    end if;
end;
$function$;

comment on function memory.evict is
'Make room in a layer, lowest importance * recency / size first; returns what went and why.';
