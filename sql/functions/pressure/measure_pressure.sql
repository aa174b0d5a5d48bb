-- What the layers take on disk, how much of it holds something, and how much that presses on their
-- budgets: one row a layer, and 'total'.
--
-- disk_bytes, all files, are three: live_bytes of memories, their index entries and TOAST; empty_bytes,
-- which partitions take before a memory is in them (704 kB of interact); and free_bytes of rows deleted
-- (vacuumed or not), of free space within pages, of indexes those rows left behind, and of partitions that
-- are past and wait to be dropped. Usage counts live_bytes alone: so eviction lowers it at once, though
-- DELETE returns nothing to the operating system, a layer without a memory uses nothing, and no memory
-- is evicted for bytes that no eviction frees. What becomes of the free bytes is told apart:
-- reusable_bytes lie in partitions new memories still enter, stranded_bytes in closed ones, where they
-- stay until the partition is dropped or rewritten.
--
-- budget_bytes: the layer's max_bytes and what it borrowed; of 'total' the setting total_max_mb, or
-- the sum of the layers' max_bytes. level: see memory._pressure_level; it is kept in
-- memory_data.pressure by the first of several callers at once, the others only look, as p_dry_run does.
--
-- With the owner's rights: pgstattuple_approx is granted to the owner alone.
create or replace function memory.measure_pressure(
    p_now timestamptz default now(), p_dry_run boolean default false
)
returns table (
    layer text, heap_bytes bigint, index_bytes bigint, toast_bytes bigint, disk_bytes bigint,
    live_bytes bigint, empty_bytes bigint, free_bytes bigint, reusable_bytes bigint, stranded_bytes bigint,
    fragmentation_percent double precision, method text, partitions integer, scanned integer,
    max_bytes bigint, borrowed_bytes bigint, budget_bytes bigint, usage_percent double precision,
    level text, since timestamptz
)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_write constant boolean := not p_dry_run
        and pg_try_advisory_xact_lock(hashtextextended('memory.measure_pressure', 0));
    v_medium constant double precision := memory._setting('pressure_medium_percent')::double precision;
    v_high constant double precision := memory._setting('pressure_high_percent')::double precision;
    v_margin constant double precision := memory._setting('pressure_hysteresis_percent')::double precision;
begin
    -- Written apart from measuring: a transaction that may write nothing runs no statement that could.
    for layer, heap_bytes, index_bytes, toast_bytes, disk_bytes, live_bytes, empty_bytes, free_bytes, reusable_bytes,
        stranded_bytes, fragmentation_percent, method, partitions, scanned, max_bytes, borrowed_bytes,
        budget_bytes, usage_percent, level, since in
    with part as materialized (
        select m.layer, m.heap_bytes, m.index_bytes, m.toast_bytes, m.closed, m.method, m.scanned,
            m.heap_bytes + m.index_bytes + m.toast_bytes as disk_bytes,
            m.live_bytes, m.empty_bytes, m.free_bytes
        from memory._measure_partitions(p_now, v_write) as m
    ),
    summed as (
        select coalesce(l.name, 'total') as layer, min(l.position) as position,
            coalesce(sum(p.heap_bytes), 0)::bigint as heap_bytes,
            coalesce(sum(p.index_bytes), 0)::bigint as index_bytes,
            coalesce(sum(p.toast_bytes), 0)::bigint as toast_bytes,
            coalesce(sum(p.disk_bytes), 0)::bigint as disk_bytes,
            coalesce(sum(p.live_bytes), 0)::bigint as live_bytes,
            coalesce(sum(p.empty_bytes), 0)::bigint as empty_bytes,
            coalesce(sum(p.free_bytes), 0)::bigint as free_bytes,
            coalesce(sum(p.free_bytes) filter (where p.closed), 0)::bigint as stranded_bytes,
            -- by name: one partition that was only estimated makes the sum an estimate
            coalesce(min(p.method), 'estimate') as method,
            count(p.layer)::integer as partitions,
            (count(*) filter (where p.scanned))::integer as scanned
        from memory_data.layer as l
        left join part as p on p.layer = l.name
        group by grouping sets ((l.name), ())
    ),
    budget as (
        select l.name as layer, l.max_bytes, l.borrowed_bytes from memory_data.layer as l
        union all
        select 'total', memory._total_budget(), 0
    ),
    used as (
        select s.*, b.max_bytes, b.borrowed_bytes, b.max_bytes + b.borrowed_bytes as budget_bytes,
            100.0::double precision * s.live_bytes / (b.max_bytes + b.borrowed_bytes) as usage_percent,
            k.level as was, k.since as was_since
        from summed as s
        join budget as b on b.layer = s.layer
        left join memory_data.pressure as k on k.layer = s.layer
    ),
    judged as materialized (
        select u.*, v.level, case when v.level = u.was then u.was_since else p_now end as since
        from used as u
        cross join lateral memory._pressure_level(
            u.usage_percent, u.was, v_medium, v_high, v_margin) as v (level)
    )
    select j.layer, j.heap_bytes, j.index_bytes, j.toast_bytes, j.disk_bytes,
        j.live_bytes, j.empty_bytes, j.free_bytes, j.free_bytes - j.stranded_bytes, j.stranded_bytes,
        round(100.0 * j.free_bytes / greatest(j.disk_bytes, 1), 2)::double precision, j.method,
        j.partitions, j.scanned, j.max_bytes, j.borrowed_bytes, j.budget_bytes,
        round(j.usage_percent::numeric, 2)::double precision, j.level, j.since
    from judged as j
    order by j.layer = 'total', j.position
    loop
        if v_write then
            insert into memory_data.pressure as k (layer, level, since, measured_at, high_at)
            values (layer, level, since, p_now, case level when 'high' then p_now end)
            on conflict (layer) do update
            set level = excluded.level, since = excluded.since, measured_at = excluded.measured_at,
                high_at = coalesce(excluded.high_at, k.high_at);
        end if;
        return next;
    end loop;
end;
$function$;

comment on function memory.measure_pressure is
'Bytes on disk and in use, fragmentation, budget, usage and pressure level of each layer and in total.';
