-- The eviction's part of a relief: a row a record with what spoke for and against it, and one for the
-- layer (summary). p_bytes: live bytes that are too much. What cannot go by itself is reported, with what
-- stands in the way and what an operator can do: all that a layer of policy manual has too much (it loses
-- nothing by itself), and elsewhere what is pinned, in use, or more than p_limit records. How much
-- memory.evict must be told takes a pass over the layer, so only a dry run says it.
--
-- Three thousandths of what is there go beyond p_bytes: so well is it known, and of nine times the budget
-- they are what lies between the goal and the level.
--
-- p_gone: of p_live, what left already in this relief; p_archived: namespace/id of what a dry run told
-- to be archived, and is therefore still there.
create or replace function memory._relieve_by_eviction(
    p_layer text, p_policy text, p_live bigint, p_bytes bigint, p_now timestamptz, p_limit integer,
    p_dry_run boolean, p_gone bigint default 0, p_archived text[] default '{}'
)
returns table (
    action text, target text, bytes_before bigint, bytes_after bigint, detail jsonb, summary boolean
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_row record;
    v_need record;
    v_records integer := 0;
    v_size bigint := 0;
    v_freed bigint := 0;
    v_told constant text[] := case when p_dry_run then p_archived else '{}' end;
begin
    if p_policy <> 'manual' then
        select n.* into v_need
        from memory._eviction_need(
            p_layer, p_bytes + p_live * 3 / 1000, p_now, p_limit,
            case when p_dry_run then 1 else 1 - p_gone / greatest(p_live, 1)::double precision end, v_told) as n;
        for v_row in
            select e.namespace, e.id, e.action, e.freed_bytes, to_jsonb(e) - 'namespace' - 'id' as facts
            from memory.evict(
                p_layer, v_need.size + case when v_told = '{}' then 0 else 1::bigint << 60 end, p_now,
                p_limit + cardinality(v_told), p_dry_run) as e
        loop
            continue when v_row.namespace || '/' || v_row.id = any (v_told);
            exit when v_size >= v_need.size;
            v_records := v_records + 1;
            v_size := v_size + v_row.freed_bytes;
            action := v_row.action;
            target := v_row.namespace || '/' || v_row.id;
            bytes_before := v_row.freed_bytes;
            bytes_after := 0;
            detail := v_row.facts;
            summary := false;
            return next;
        end loop;
    end if;
    if v_records > 0 then
        v_freed := v_need.freed * (v_size::numeric / v_need.size);
        action := 'evict';
        target := p_layer;
        bytes_before := p_live;
        bytes_after := greatest(p_live - v_freed, 0);
        detail := jsonb_build_object('policy', p_policy, 'wanted_bytes', p_bytes, 'records', v_records,
                                     'returned_bytes', 0, 'reusable_bytes', bytes_before - bytes_after);
        summary := true;
        return next;
    end if;
    if v_freed < p_bytes then
        action := 'report';
        target := p_layer;
        bytes_before := p_live;
        bytes_after := p_live;
        detail := jsonb_build_object('policy', p_policy, 'over_bytes', p_bytes - v_freed) || case
            when p_policy = 'manual' then jsonb_build_object(
                'why', 'of a layer of policy manual nothing is evicted by itself',
                'hint', case when p_dry_run then (
                    select format('select * from memory.evict(%L, %s, p_limit => %s);', p_layer, n.size, n.records)
                    from memory._eviction_need(p_layer, p_bytes, p_now, 1000000, 1, '{}') as n
                    where n.records > 0)
                else 'select layer, detail from memory.relieve_pressure(p_dry_run => true) where action = ''report'';'
                end)
            when v_records >= p_limit then jsonb_build_object(
                'why', format('a relief evicts at most %s memories', p_limit),
                'hint', 'Wait: the next relief, in a minute, goes on.')
            else jsonb_build_object(
                'why', 'what is left is pinned, expires by itself, or is in use at this moment',
                'hint', 'Raise max_size_mb of the layer in magray.toml, then: magray migrate; or unpin memories.')
            end;
        summary := true;
        return next;
    end if;
end;
$function$;

comment on function memory._relieve_by_eviction is
'Evict from a layer under pressure by its policy; rows for the answer of relieve_pressure.';
