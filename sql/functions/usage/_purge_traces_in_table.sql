-- One batch of memory.purge_traces in one table whose key begins with namespace and id.
create or replace function memory._purge_traces_in_table(p_table text, p_limit integer, p_dry_run boolean)
returns table (namespace text, id uuid)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_sweep memory_data.sweep;
    v_namespaces text[];
    v_ids uuid[];
    v_last_namespace text;
    v_last_id uuid;
    v_seen bigint;
begin
    select * into v_sweep from memory_data.sweep as s where s.table_name = p_table;
    -- distinct, for a record may have been edited often
    execute format(
        'with batch as materialized ('
        '    select distinct t.namespace, t.id from memory_data.%I as t '
        '    where (t.namespace, t.id) > (coalesce($1, ''''), coalesce($2, ''00000000-0000-0000-0000-000000000000'')) '
        '    order by t.namespace, t.id limit $3), '
        'gone as ('
        '    select b.* from batch as b where not exists ('
        '        select from memory._memories as m where m.namespace = b.namespace and m.id = b.id)) '
        'select (select array_agg(g.namespace) from gone as g) as namespaces, '
        '       (select array_agg(g.id) from gone as g) as ids, l.namespace, l.id, '
        '       (select count(*) from batch) as seen '
        'from (values (1)) as v left join lateral ('
        '    select b.* from batch as b order by b.namespace desc, b.id desc limit 1) as l on true', p_table)
    into v_namespaces, v_ids, v_last_namespace, v_last_id, v_seen
    using v_sweep.after_namespace, v_sweep.after_id, p_limit;
    if p_dry_run then
        return query select k.namespace, k.id from unnest(v_namespaces, v_ids) as k (namespace, id);
        return;
    end if;

    -- A batch that is not full was the last one.
    insert into memory_data.sweep as s (table_name, after_namespace, after_id)
    values (p_table, case when v_seen = p_limit then v_last_namespace end,
            case when v_seen = p_limit then v_last_id end)
    on conflict (table_name) do update
    set after_namespace = excluded.after_namespace, after_id = excluded.after_id;
    if v_ids is null then
        return;
    end if;
    execute format(
        'select array_agg(l.namespace) as namespaces, array_agg(l.id) as ids from ('
        '    select t.namespace, t.id from memory_data.%I as t '
        '    join unnest($1, $2) as k (namespace, id) on k.namespace = t.namespace and k.id = t.id '
        '    order by t.namespace, t.id for update of t skip locked) as l', p_table)
    into v_namespaces, v_ids
    using v_namespaces, v_ids;
    return query execute format(
        'with gone as ('
        '    delete from memory_data.%I as t using unnest($1, $2) as k (namespace, id) '
        '    where t.namespace = k.namespace and t.id = k.id and not exists ('
        '        select from memory._memories as m where m.namespace = t.namespace and m.id = t.id) '
        '    returning t.namespace, t.id) '
        'select distinct g.namespace, g.id from gone as g', p_table)
    using v_namespaces, v_ids;
end;
$function$;

comment on function memory._purge_traces_in_table is
'Remove the rows of one table whose records are gone, the next batch in key order.';
