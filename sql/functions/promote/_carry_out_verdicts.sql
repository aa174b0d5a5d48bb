-- Carries out what was judged (rows of memory._judge_records with their layer, as JSON): what passed moves,
-- what is kept gets its decision. Returns what moved.
create or replace function memory._carry_out_verdicts(p_passed jsonb, p_kept jsonb, p_now timestamptz)
returns table (
    namespace text, id uuid, layer text, to_layer text, kind text, to_kind text, route text,
    score double precision, criteria jsonb
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_step record;
    v_moved jsonb := jsonb '[]';
begin
    for v_step in
        select j.layer, array_agg(j.namespace) as namespaces, array_agg(j.id) as ids
        from jsonb_to_recordset(p_passed) as j (layer text, namespace text, id uuid)
        join memory_data.layer as l on l.name = j.layer
        group by j.layer, l.position
        order by l.position
    loop
        perform memory._lock_records(v_step.layer, v_step.namespaces, v_step.ids);
    end loop;
    for v_step in
        select j.layer, j.to_layer, jsonb_agg(j.row) as judged
        from (
            select e.value ->> 'layer' as layer, e.value ->> 'to_layer' as to_layer, e.value as row
            from jsonb_array_elements(p_passed) as e) as j
        join memory_data.layer as l on l.name = j.layer
        group by j.layer, j.to_layer, l.position
        order by l.position
    loop
        v_moved := v_moved || (
            select coalesce(jsonb_agg(to_jsonb(m)), '[]')
            from memory._move_to_next_layer(v_step.layer, v_step.to_layer, v_step.judged, p_now) as m);
    end loop;

    perform memory._settle_usage(
        array_agg(u.namespace order by u.namespace, u.id), array_agg(u.id order by u.namespace, u.id),
        array_agg(u.verdict order by u.namespace, u.id), array_agg(u.context order by u.namespace, u.id),
        array_agg(u.twin order by u.namespace, u.id))
    from (
        select m.namespace, m.id, null::smallint as verdict, j.context, m.twin
        from jsonb_to_recordset(v_moved) as m (namespace text, id uuid, twin uuid)
        join jsonb_to_recordset(p_passed) as j (namespace text, id uuid, context double precision)
            on j.namespace = m.namespace and j.id = m.id
        union all
        select j.namespace, j.id, j.failing, j.context, null
        from jsonb_to_recordset(p_kept) as j (
            namespace text, id uuid, failing smallint, context double precision)) as u;

    insert into memory_data.decision
        (namespace, id, at, action, layer, kind, route, score, criteria, model, job_run)
    select j.namespace, j.id, p_now, 'keep', j.layer, j.kind, j.route, j.score, j.criteria, j.model,
        memory._job_run()
    from jsonb_to_recordset(p_kept) as j (
        layer text, namespace text, id uuid, kind text, route text, score double precision, model text,
        criteria jsonb);

    perform memory._note_change(n.namespace, 0, n.layers, n.keys)
    from (
        select m.namespace, array_agg(j.to_layer) as layers,
            array_agg(case when l.partition_key = 'entered_at' then p_now
                           else coalesce(p_now + l.ttl, 'infinity') end) as keys
        from jsonb_to_recordset(v_moved) as m (namespace text, id uuid)
        join jsonb_to_recordset(p_passed) as j (namespace text, id uuid, to_layer text)
            on j.namespace = m.namespace and j.id = m.id
        join memory_data.layer as l on l.name = j.to_layer
        group by m.namespace
        order by m.namespace) as n;

    return query
    select j.namespace, j.id, j.layer, j.to_layer, j.kind, j.to_kind, j.route, j.score, j.criteria
    from jsonb_to_recordset(v_moved) as m (namespace text, id uuid)
    join jsonb_to_recordset(p_passed) as j (
        layer text, namespace text, id uuid, kind text, route text, to_layer text, to_kind text,
        score double precision, criteria jsonb)
        on j.namespace = m.namespace and j.id = m.id;
end;
$function$;

comment on function memory._carry_out_verdicts is
'Move what passed, note why the rest stays; returns what moved.';
