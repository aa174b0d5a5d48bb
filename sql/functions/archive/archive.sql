-- Sends to the archive what nobody used for as long as its layer says (archive_after), longest unused
-- first; entry into the layer counts as a use. Layers that say nothing keep everything; pinned
-- memories stay. Of a batch each layer gets its share (memory._unused_records).
--
-- A layer's heap is read once a call, 1.3 s for a million records, and 10,000 of them leave in 2 to 3 s:
-- what the job does every five minutes, to keep up with 33 memories a second. An index on entered_at
-- would be paid by every write.
create or replace function memory.archive(
    p_layer text default null, p_now timestamptz default now(), p_limit integer default 10000,
    p_dry_run boolean default false
)
returns table (namespace text, id uuid, layer text, kind text, size integer, last_used timestamptz)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer record;
begin
    if p_layer is not null then
        perform memory._check_layer(p_layer);
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('memory.archive', 0)) then
        raise notice 'archive is already running';
        return;
    end if;
    for v_layer in
        select l.name, l.archive_after, array_agg(c.namespace order by c.place) as namespaces,
            array_agg(c.id order by c.place) as ids, array_agg(c.last_used order by c.place) as used
        from memory._unused_records(p_layer, p_now, p_limit)
            with ordinality as c (layer, namespace, id, last_used, place)
        join memory_data.layer as l on l.name = c.layer
        group by l.name
        order by l.position
    loop
        if p_dry_run then
            return query execute format(
                'select m.namespace, m.id, %L, m.kind, m.size, c.last_used '
                'from unnest($1, $2, $3) with ordinality as c (namespace, id, last_used, place) '
                'join memory_data.%I as m on m.namespace = c.namespace and m.id = c.id and m.expires_at > $4 '
                'order by c.place', v_layer.name, v_layer.name)
            using v_layer.namespaces, v_layer.ids, v_layer.used, p_now;
        else
            return query
            with moved as materialized (
                select h.* from memory._hand_to_archive(
                    v_layer.name, v_layer.namespaces, v_layer.ids,
                    'unused for ' || v_layer.archive_after, p_now) as h
            )
            select m.namespace, m.id, v_layer.name, m.kind, m.size, c.last_used
            from unnest(v_layer.namespaces, v_layer.ids, v_layer.used)
                with ordinality as c (namespace, id, last_used, place)
            join moved as m on m.namespace = c.namespace and m.id = c.id
            order by c.place;
        end if;
    end loop;
end;
$function$;

comment on function memory.archive is
'Move memories unused for longer than their layer''s archive_after to the archive; returns them.';
