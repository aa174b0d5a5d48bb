-- The eviction's part of a relief: a row a record with what spoke for and against it, and one for the
-- layer (summary). A layer of policy manual loses nothing by itself: one row reports what is too much.
-- p_archived: namespace/id of what a dry run told to be archived, and is therefore still there.
create or replace function memory._relieve_by_eviction(
    p_layer text, p_policy text, p_live bigint, p_bytes bigint, p_now timestamptz, p_limit integer,
    p_dry_run boolean, p_archived text[] default '{}'
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
    v_records bigint := 0;
    v_freed bigint := 0;
    v_told integer := case when p_dry_run then cardinality(p_archived) else 0 end;
begin
    if p_policy = 'manual' then
        action := 'report';
        target := p_layer;
        bytes_before := p_live;
        bytes_after := p_live;
        detail := jsonb_build_object(
            'policy', p_policy, 'over_bytes', p_bytes,
            'hint', format('select * from memory.evict(%L, %s);', p_layer, p_bytes));
        summary := true;
        return next;
        return;
    end if;
    for v_row in
        select e.namespace, e.id, e.action, e.freed_bytes, to_jsonb(e) - 'namespace' - 'id' as facts
        from memory.evict(
            p_layer, case when v_told > 0 then 1::bigint << 60 else p_bytes end, p_now, p_limit + v_told,
            p_dry_run) as e
    loop
        continue when v_told > 0 and v_row.namespace || '/' || v_row.id = any (p_archived);
        exit when v_told > 0 and (v_freed >= p_bytes or v_records >= p_limit);
        v_records := v_records + 1;
        v_freed := v_freed + v_row.freed_bytes;
        action := v_row.action;
        target := v_row.namespace || '/' || v_row.id;
        bytes_before := v_row.freed_bytes;
        bytes_after := 0;
        detail := v_row.facts;
        summary := false;
        return next;
    end loop;
    if v_records > 0 then
        perform memory._look_again(p_layer, p_dry_run);
    end if;
    action := 'evict';
    target := p_layer;
    bytes_before := p_live;
    bytes_after := greatest(p_live - v_freed, 0);
    detail := jsonb_build_object('policy', p_policy, 'wanted_bytes', p_bytes, 'records', v_records,
                                 'returned_bytes', 0, 'reusable_bytes', v_freed);
    summary := true;
    return next;
end;
$function$;

comment on function memory._relieve_by_eviction is
'Evict from a layer under pressure by its policy; rows for the answer of relieve_pressure.';
