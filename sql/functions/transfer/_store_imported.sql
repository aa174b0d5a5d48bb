-- Writes checked records of an export (memory._parse_records) into their layers of a namespace with all
-- that hangs on them, the partitions for it included. p_records: the export's own, for the decisions.
create or replace function memory._store_imported(
    p_namespace text, p_new memory_data.archive_outbox[], p_records jsonb, p_now timestamptz
)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_new memory_data.archive_outbox[];
    v_table record;
begin
    if p_new is null then
        return;
    end if;
    select array_agg(jsonb_populate_record(n, jsonb_build_object('namespace', p_namespace))) into v_new
    from unnest(p_new) as n;
    for v_table in
        select w.parent, array_agg(w.at) as moments
        from (
            select n.layer as parent, case l.partition_key when 'entered_at' then n.entered_at else n.expires_at end as at
            from unnest(v_new) as n
            join memory_data.layer as l on l.name = n.layer
            union all
            select h.parent, (e.value ->> 'at')::timestamptz
            from jsonb_array_elements(p_records) as r
            cross join lateral (values ('access_event', r.value -> 'events'), ('revision', r.value -> 'revisions'),
                                       ('decision', r.value -> 'decisions')) as h (parent, list)
            cross join lateral jsonb_array_elements(case jsonb_typeof(h.list) when 'array' then h.list else '[]' end) as e
            where (r.value ->> 'id')::uuid in (select n.id from unnest(v_new) as n)) as w
        group by w.parent
        order by w.parent
    loop
        perform memory._make_partitions_for(v_table.parent, v_table.moments, p_now);
    end loop;

    perform memory._put_records_back(v_new, p_now, true);
    insert into memory_data.decision
        (namespace, id, at, action, layer, to_layer, kind, to_kind, route, score, criteria, model, records, detail,
         actor)
    select p_namespace, n.id, d.at, d.action, d.layer, d.to_layer, d.kind, d.to_kind, d.route, d.score,
        d.criteria, d.model, coalesce(d.records, 1), d.detail,
        -- who decided then, not who imports; null: it was not kept yet
        d.actor
    from unnest(v_new) as n
    join lateral (
        select r.value -> 'decisions' as list from jsonb_array_elements(p_records) as r
        where (r.value ->> 'id')::uuid = n.id limit 1) as w on jsonb_typeof(w.list) = 'array'
    cross join lateral jsonb_to_recordset(w.list) as d (
        at timestamptz, action text, layer text, to_layer text, kind text, to_kind text, route text,
        score double precision, criteria jsonb, model text, records bigint, detail jsonb, actor text)
    where memory._has_partition('decision', d.at)
        and not exists (
            select from memory_data.decision as o
            where o.namespace = p_namespace and o.id = n.id and o.at = d.at and o.action = d.action);

    perform memory._extend_search_reach(
        (select jsonb_agg(jsonb_build_object('layer', n.layer, 'expires_at', n.expires_at)) from unnest(v_new) as n),
        p_now);
    perform memory._note_change(p_namespace, count(*), array_agg(n.layer),
                                array_agg(case l.partition_key when 'entered_at' then n.entered_at else n.expires_at end))
    from unnest(v_new) as n
    join memory_data.layer as l on l.name = n.layer;
end;
$function$;

comment on function memory._store_imported is
'Insert checked records of an export with all that hangs on them, and the partitions for it.';
