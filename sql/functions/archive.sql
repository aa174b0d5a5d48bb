-- Sends to the archive what nobody used for as long as its layer says (archive_after), longest unused
-- first; entry into the layer counts as a use. Layers that say nothing keep everything; pinned
-- memories stay.
--
-- The heap of such a layer is read once a run, which a job of once an hour can afford; an index on
-- entered_at would be paid by every write.
create or replace function memory.archive(
    p_layer text default null, p_now timestamptz default now(), p_limit integer default 1000,
    p_dry_run boolean default false
)
returns table (namespace text, id uuid, layer text, kind text, size integer, last_used timestamptz)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer record;
    v_namespaces text[];
    v_ids uuid[];
    v_used timestamptz[];
    v_left integer := p_limit;
begin
    if p_layer is not null then
        perform memory._check_layer(p_layer);
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('memory.archive', 0)) then
        raise notice 'archive is already running';
        return;
    end if;
    for v_layer in
        select l.name, l.archive_after from memory_data.layer as l
        where l.archive_after is not null and (p_layer is null or l.name = p_layer)
        order by l.position
    loop
        execute format($cold$
            select coalesce(array_agg(c.namespace), '{}'), coalesce(array_agg(c.id), '{}'),
                coalesce(array_agg(c.last_used), '{}')
            from (
                select m.namespace, m.id, greatest(u.last_access, m.entered_at) as last_used
                from memory_data.%I as m
                left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id
                where m.expires_at > $1 and not m.pinned and m.entered_at <= $1 - $2
                    and greatest(u.last_access, m.entered_at) <= $1 - $2
                order by last_used, m.namespace, m.id
                limit $3) as c
            $cold$, v_layer.name)
        into v_namespaces, v_ids, v_used using p_now, v_layer.archive_after, v_left;

        if p_dry_run then
            return query execute format(
                'select m.namespace, m.id, %L, m.kind, m.size, c.last_used '
                'from unnest($1, $2, $3) with ordinality as c (namespace, id, last_used, place) '
                'join memory_data.%I as m on m.namespace = c.namespace and m.id = c.id and m.expires_at > $4 '
                'order by c.place', v_layer.name, v_layer.name)
            using v_namespaces, v_ids, v_used, p_now;
        else
            return query
            with moved as materialized (
                select h.* from memory._hand_to_archive(
                    v_layer.name, v_namespaces, v_ids,
                    'unused for ' || v_layer.archive_after, p_now) as h
            )
            select m.namespace, m.id, v_layer.name, m.kind, m.size, c.last_used
            from unnest(v_namespaces, v_ids, v_used)
                with ordinality as c (namespace, id, last_used, place)
            join moved as m on m.namespace = c.namespace and m.id = c.id
            order by c.place;
        end if;
        v_left := v_left - cardinality(v_ids);
        exit when v_left <= 0;
    end loop;
end;
$function$;

comment on function memory.archive is
'Move memories unused for longer than their layer''s archive_after to the archive; returns them.';
