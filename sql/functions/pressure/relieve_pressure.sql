-- Acts on what memory.measure_pressure says; everything is decided from one measurement:
--
-- low: a layer that needs more borrows budget (memory._share_budget).
-- medium: cold partitions are compressed (memory.compress).
-- archive_percent reached: what the layer's policy calls old goes to the archive (memory.archive).
-- high: all of these, and what is still too much is evicted (memory.evict), until usage is a little
-- more than pressure_hysteresis_percent below the threshold: what a record frees is known to a hundredth
-- or so (memory._eviction_need), and a goal at the very edge of the level would be reached by ever smaller
-- steps. So a relief ends below level high and the next one has nothing to do; where it does not, a row
-- `report` says what stands in the way: a layer of policy manual, pinned memories, p_limit.
-- at any level: what the indexes of emptied partitions still take is returned (memory._return_empty_partitions).
-- Is the total high and no layer enough, the fullest layer that may be evicted from pays for it, down to
-- its share of the total: what a layer of policy manual is over costs no other layer its memories.
--
-- Usage counts live bytes: what was deleted and waits for vacuum never makes it evict again. What
-- becomes of bytes is told apart: returned_bytes went back to the operating system, reusable_bytes wait
-- for vacuum and are then free for new rows of their partition (see stranded_bytes there).
--
-- One row an action; rows whose target is namespace/id are the records that go, with the reason.
-- bytes_before and bytes_after are live bytes of a layer, bytes of a partition or of a record, or budgets.
-- p_limit: records a layer. p_dry_run tells what the same call would do. Compression and returning come
-- last, for they lock their partitions until the end; what compression will return is taken off before
-- anything is evicted.
create or replace function memory.relieve_pressure(
    p_now timestamptz default now(), p_limit integer default 10000, p_dry_run boolean default false
)
returns table (
    layer text, level text, action text, target text, bytes_before bigint, bytes_after bigint, detail jsonb
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_archive_at constant double precision := memory._setting('archive_percent')::double precision;
    v_goal constant double precision := (memory._setting('pressure_high_percent')::double precision
        - 1.2 * memory._setting('pressure_hysteresis_percent')::double precision) / 100;
    v_pressure jsonb;
    v_total record;
    v_layer record;
    v_row record;
    v_freed bigint;
    v_all_freed bigint := 0;
    v_paid boolean := false;
    v_archived text[];
    v_gone bigint;
    v_share double precision;
    v_asked bigint;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('memory.relieve_pressure', 0)) then
        raise notice 'relieve_pressure is already running';
        return;
    end if;
    select jsonb_agg(to_jsonb(m) || jsonb_build_object('policy', l.eviction_policy) order by l.position)
    into v_pressure
    from memory.measure_pressure(p_now, p_dry_run) as m
    left join memory_data.layer as l on l.name = m.layer;
    select t.level, t.live_bytes, t.budget_bytes into v_total
    from jsonb_to_recordset(v_pressure) as t (layer text, level text, live_bytes bigint, budget_bytes bigint)
    where t.layer = 'total';
    -- of its budget, what a layer may have whatever the others take
    select least(1, v_total.budget_bytes / sum(p.budget_bytes)) * v_goal into v_share
    from jsonb_to_recordset(v_pressure) as p (layer text, budget_bytes bigint)
    where p.layer <> 'total';

    for v_row in select * from memory._share_budget(v_pressure) as s where s.borrowed_after <> s.borrowed_before
    loop
        if not p_dry_run then
            update memory_data.layer as l set borrowed_bytes = v_row.borrowed_after where l.name = v_row.layer;
        end if;
        layer := v_row.layer;
        level := v_row.level;
        action := case when v_row.borrowed_after > v_row.borrowed_before then 'borrow' else 'give back' end;
        target := 'budget';
        bytes_before := v_row.max_bytes + v_row.borrowed_before;
        bytes_after := v_row.max_bytes + v_row.borrowed_after;
        detail := jsonb_build_object('borrowed_bytes', v_row.borrowed_after, 'live_bytes', v_row.live_bytes);
        return next;
    end loop;

    for v_layer in
        select p.*,
            case when p.level = 'high' then p.live_bytes - (p.budget_bytes * v_goal)::bigint else 0 end as over_bytes,
            memory._bytes_to_be_returned(p.layer, p.level, v_total.level, p_now) as returned_bytes
        from jsonb_to_recordset(v_pressure) as p (
            layer text, level text, policy text, live_bytes bigint, budget_bytes bigint,
            usage_percent double precision, partitions integer)
        where p.layer <> 'total'
        order by p.usage_percent desc
    loop
        v_freed := v_layer.returned_bytes;
        v_archived := '{}';
        v_gone := 0;
        if v_layer.policy <> 'manual' and v_layer.usage_percent >= v_archive_at then
            for v_row in
                select * from memory._relieve_by_archive(v_layer.layer, v_layer.live_bytes, p_now, p_limit, p_dry_run)
            loop
                layer := v_layer.layer;
                level := v_layer.level;
                action := 'archive';
                target := v_row.target;
                bytes_before := v_row.bytes_before;
                bytes_after := v_row.bytes_after;
                detail := v_row.detail;
                return next;
                if v_row.summary then
                    v_gone := bytes_before - bytes_after;
                else
                    v_archived := v_archived || target;
                end if;
            end loop;
            v_freed := v_freed + v_gone;
        end if;

        -- what the total is over is asked of the fullest layer that gives, once
        if v_total.level = 'high' and not v_paid then
            v_asked := least(
                v_total.live_bytes - (v_total.budget_bytes * v_goal)::bigint - v_all_freed,
                v_layer.live_bytes - (v_layer.budget_bytes * v_share)::bigint);
            v_paid := v_asked > 0 and v_layer.policy <> 'manual';
            v_layer.over_bytes := greatest(v_layer.over_bytes, v_asked);
        end if;
        if v_layer.over_bytes - v_freed > 0 then
            for v_row in
                select * from memory._relieve_by_eviction(
                    v_layer.layer, v_layer.policy, v_layer.live_bytes, v_layer.over_bytes - v_freed, p_now,
                    p_limit, p_dry_run, v_gone, v_archived)
            loop
                layer := v_layer.layer;
                level := v_layer.level;
                action := v_row.action;
                target := v_row.target;
                bytes_before := v_row.bytes_before;
                bytes_after := v_row.bytes_after;
                detail := v_row.detail;
                return next;
                v_freed := v_freed + case when v_row.summary then bytes_before - bytes_after else 0 end;
            end loop;
        end if;
        v_all_freed := v_all_freed + v_freed;
    end loop;

    for v_layer in
        select p.layer, p.level
        from jsonb_to_recordset(v_pressure) as p (layer text, level text)
        where p.layer <> 'total' and (p.level <> 'low' or v_total.level <> 'low')
    loop
        for v_row in
            select * from memory.compress(p_layer => v_layer.layer, p_now => p_now, p_dry_run => p_dry_run)
        loop
            layer := v_layer.layer;
            level := v_layer.level;
            action := 'compress';
            target := v_row.partition_name;
            bytes_before := v_row.bytes_before;
            bytes_after := v_row.bytes_after;
            detail := jsonb_build_object(
                'state', v_row.state, 'records', v_row.rows,
                'returned_bytes', case v_row.state when 'compressed' then bytes_before - bytes_after else 0 end);
            return next;
        end loop;
    end loop;

    for v_layer in
        select p.layer, p.level from jsonb_to_recordset(v_pressure) as p (layer text, level text) where p.layer <> 'total'
    loop
        for v_row in select * from memory._return_empty_partitions(v_layer.layer, p_now, p_dry_run)
        loop
            layer := v_layer.layer;
            level := v_layer.level;
            action := 'return';
            target := v_row.partition_name;
            bytes_before := v_row.bytes_before;
            bytes_after := v_row.bytes_after;
            detail := jsonb_build_object('returned_bytes', bytes_before - bytes_after);
            return next;
        end loop;
    end loop;
end;
$function$;

comment on function memory.relieve_pressure is
'Relieve the layers by borrowing, compression, archive and eviction; returns what was done.';
