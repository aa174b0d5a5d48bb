-- Deletes records that have expired from layers that are not partitioned by expiry, one decision each.
-- Somebody else's locked rows come next time.
create or replace function memory._delete_expired(p_now timestamptz, p_limit integer, p_dry_run boolean)
returns table (
    layer text, partition_name text, namespace text, records bigint, from_id uuid, to_id uuid, action text
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer text;
begin
    for v_layer in
        select l.name from memory_data.layer as l where l.partition_key <> 'expires_at' order by l.position
    loop
        if p_dry_run then
            return query execute format(
                'select %1$L, null::text, m.namespace, 1::bigint, m.id, m.id, ''delete'' '
                'from memory_data.%1$I as m '
                'where m.expires_at <= $1 and m.expires_at < ''infinity'' and not m.pinned '
                'order by m.expires_at limit $2', v_layer) using p_now, p_limit;
            continue;
        end if;
        return query execute format(
            'with due as materialized ('
            '    select m.namespace, m.id from memory_data.%1$I as m '
            '    where m.expires_at <= $1 and m.expires_at < ''infinity'' and not m.pinned '
            '    order by m.expires_at limit $2 for update skip locked), '
            'gone as ('
            '    delete from memory_data.%1$I as m using due as d '
            '    where m.namespace = d.namespace and m.id = d.id '
            '    returning m.namespace, m.id, m.kind, m.expires_at), '
            'decided as ('
            '    insert into memory_data.decision (namespace, id, at, action, layer, kind, job_run, detail) '
            '    select g.namespace, g.id, $1, ''expire'', %1$L, g.kind, memory._job_run(), '
            '           jsonb_build_object(''expires_at'', g.expires_at) from gone as g) '
            'select %1$L, null::text, g.namespace, 1::bigint, g.id, g.id, ''delete'' from gone as g', v_layer)
        using p_now, p_limit;
    end loop;
end;
$function$;

comment on function memory._delete_expired is
'Delete expired records of layers whose partitions stay; returns rows as memory.expire does.';
