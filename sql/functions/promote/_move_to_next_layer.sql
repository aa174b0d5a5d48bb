-- Moves judged records of a layer to the next one, all in one statement: whoever looks sees each of
-- them before or after, in exactly one layer. Everything a record is comes along, columns of later
-- revisions too; kind, entered_at and expires_at are new, and content_hash stays, so that the same
-- memory remembered again is recognised in its new layer.
--
-- p_judged: rows of memory._judge_records as JSON. Locked by the caller; one that was forgotten or whose kind
-- was changed since it was judged stays out. A record whose equal (as it was, or as it becomes) is in
-- the target already is merged into it: the twin stays and gets its uses and ratings, and its pin, for
-- what somebody pinned must not be evicted under another id; the decision names it. Keeping both would
-- show every search the same memory twice.
create or replace function memory._move_to_next_layer(
    p_layer text, p_to_layer text, p_judged jsonb, p_now timestamptz
)
returns table (namespace text, id uuid, twin uuid)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_columns text;
begin
    select string_agg(format('%I', a.attname), ', ' order by a.attnum) into v_columns
    from pg_attribute as a
    where a.attrelid = format('memory_data.%I', p_to_layer)::regclass and a.attnum > 0
        and not a.attisdropped and a.attname not in ('kind', 'entered_at', 'expires_at');
    return query execute format(
        'with judged as materialized ('
        '  select j.* from jsonb_to_recordset($1) as j ('
        '      layer text, namespace text, id uuid, kind text, route text, to_layer text,'
        '      to_kind text, score double precision, model text, criteria jsonb)'
        '  where j.layer = %1$L and j.to_layer = %2$L),'
        'gone as ('
        '  delete from memory_data.%1$I as m using judged as j'
        '  where m.namespace = j.namespace and m.id = j.id and m.kind = j.kind and m.expires_at > $2'
        '  returning m.*, j.to_kind),'
        'twin as materialized ('
        '  select g.namespace, g.id, t.id as twin from gone as g'
        '  cross join lateral ('
        '    select t.id from memory_data.%2$I as t'
        '    where t.namespace = g.namespace and (t.expires_at > $2 or t.pinned) and t.content_hash in ('
        '        g.content_hash, sha256(convert_to(jsonb_build_array('
        '            g.to_kind, g.session, g.content, g.metadata)::text, ''UTF8'')))'
        '    order by t.entered_at, t.id limit 1) as t),'
        'arrived as ('
        '  insert into memory_data.%2$I (kind, entered_at, expires_at, %3$s)'
        '  select g.to_kind, $2, coalesce($2 + l.ttl, ''infinity''), %4$s'
        '  from gone as g'
        '  join memory_data.layer as l on l.name = %2$L'
        '  where g.id not in (select t.id from twin as t where t.namespace = g.namespace)),'
        'pinned as ('
        '  update memory_data.%2$I as t set pinned = true'
        '  from twin as w'
        '  join gone as g on g.namespace = w.namespace and g.id = w.id'
        '  where t.namespace = w.namespace and t.id = w.twin and t.expires_at > $2'
        '      and g.pinned and not t.pinned),'
        'decided as ('
        '  insert into memory_data.decision (namespace, id, at, action, layer, to_layer, kind,'
        '      to_kind, route, score, criteria, model, job_run, detail)'
        '  select g.namespace, g.id, $2, ''promote'', %1$L, %2$L, j.kind, j.to_kind, j.route, j.score,'
        '      j.criteria, j.model, memory._job_run(),'
        '      case when t.twin is not null then jsonb_build_object(''merged_into'', t.twin) end'
        '  from gone as g'
        '  join judged as j on j.namespace = g.namespace and j.id = g.id'
        '  left join twin as t on t.namespace = g.namespace and t.id = g.id)'
        'select g.namespace, g.id, t.twin from gone as g '
        'left join twin as t on t.namespace = g.namespace and t.id = g.id',
        p_layer, p_to_layer, v_columns,
        (select string_agg('g.' || c.name, ', ') from unnest(string_to_array(v_columns, ', ')) as c (name)))
    using p_judged, p_now;
exception
    when check_violation then
        if sqlerrm like 'no partition of relation%' then
            raise exception 'layer % has no partition for what would move there', p_to_layer
                using errcode = 'ML409',
                      detail = format('At %s: %s.', p_now, sqlerrm),
                      hint = 'select * from memory.make_partitions();';
        end if;
        raise;
end;
$function$;

comment on function memory._move_to_next_layer is
'Move judged records to the next layer in one statement, with a decision row each.';
