-- What nobody used for as long as its layer says (archive_after), at most p_limit records over all
-- layers or of one: the longest unused one of each layer, then the second of each, and so on, so that a
-- layer with a lot to give leaves the others their share. In that order, with the layer's period.
--
-- The heap of each such layer is read; see memory.archive for what that costs.
create or replace function memory._unused_records(p_layer text, p_now timestamptz, p_limit integer)
returns table (layer text, namespace text, id uuid, last_used timestamptz)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_layers text;
begin
    select string_agg(format($layer$
        (select %L, %s, m.namespace, m.id, greatest(u.last_access, m.entered_at) as last_used,
             row_number() over (order by greatest(u.last_access, m.entered_at), m.namespace, m.id)
         from memory_data.%I as m
         left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id
         where m.expires_at > $1 and not m.pinned and m.entered_at <= $1 - interval %L
             and greatest(u.last_access, m.entered_at) <= $1 - interval %L
         order by last_used, m.namespace, m.id
         limit $2)
        $layer$, l.name, l.position, l.name, l.archive_after, l.archive_after), 'union all')
    into v_layers
    from memory_data.layer as l
    where l.archive_after is not null and (p_layer is null or l.name = p_layer);
    if v_layers is null then
        return;
    end if;
    return query execute
        'select c.layer, c.namespace, c.id, c.last_used '
        'from (' || v_layers || ') as c (layer, position, namespace, id, last_used, place) '
        'order by c.place, c.position limit $2'
    using p_now, p_limit;
end;
$function$;

comment on function memory._unused_records is
'Records unused for longer than their layer''s archive_after, the layers by turns.';
