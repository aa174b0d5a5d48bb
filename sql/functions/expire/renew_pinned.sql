-- A pinned memory never expires: its life is renewed when less than half of it is left, long before
-- its partition goes, and the partition does not go while it lies there. (expires_at 'infinity' would
-- need a partition of its own in every plan of a search.) Unpinned, it lives on to
-- the end of its last life. memory.expire does this first, every minute.
--
-- Whoever waits for the old row finds it gone and looks again; edits wait for the same lock as here.
create or replace function memory.renew_pinned(
    p_now timestamptz default now(), p_limit integer default 1000, p_dry_run boolean default false
)
returns table (namespace text, id uuid, layer text, expires_at timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer record;
    v_end timestamptz;
    v_namespaces text[];
    v_ids uuid[];
begin
    for v_layer in select l.name, l.ttl, l.partition_key from memory_data.layer as l order by l.position loop
        v_end := coalesce(p_now + v_layer.ttl, 'infinity');
        execute format(
            'select array_agg(m.namespace), array_agg(m.id) from ('
            '    select p.namespace, p.id from memory_data.%I as p '
            '    where p.pinned and p.expires_at < $1 and p.expires_at < ''infinity'' '
            '    order by p.namespace, p.id limit $2) as m', v_layer.name)
        into v_namespaces, v_ids
        using coalesce(p_now + v_layer.ttl / 2, 'infinity'), p_limit;
        continue when v_ids is null;
        if p_dry_run then
            return query select k.namespace, k.id, v_layer.name, v_end
                         from unnest(v_namespaces, v_ids) as k (namespace, id);
            continue;
        end if;

        perform pg_advisory_xact_lock(hashtextextended(k.namespace || ' ' || k.id, 1))
        from unnest(v_namespaces, v_ids) as k (namespace, id);
        return query
        select s.namespace, s.id, v_layer.name, s.expires_at
        from memory._set_expiry(v_layer.name, v_namespaces, v_ids, v_end, true) as s;
        perform memory._note_change(
            n.namespace, 0,
            case when v_layer.partition_key = 'expires_at' then array[v_layer.name] else '{}' end,
            case when v_layer.partition_key = 'expires_at' then array[v_end] else '{}' end)
        from (select distinct u.namespace from unnest(v_namespaces) as u (namespace) order by 1) as n;
    end loop;
end;
$function$;

comment on function memory.renew_pinned is
'Give pinned memories that have used up half of their life another one; returns them.';
