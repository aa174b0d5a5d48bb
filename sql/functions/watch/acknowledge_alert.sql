-- Say that somebody looks after an open alert: it stays open, and health no longer counts it.
create or replace function memory.acknowledge_alert(p_alert bigint, p_by text, p_now timestamptz default now())
returns table (alert bigint, rule text, scope text, acknowledged_at timestamptz, acknowledged_by text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_by is null or p_by !~ '\S' then
        raise exception 'who acknowledges the alert?'
            using errcode = 'ML422', detail = 'p_by is empty.',
                  hint = format('select * from memory.acknowledge_alert(%s, %L);', p_alert, session_user);
    end if;
    return query
    update memory_data.alert as a
    set acknowledged_at = coalesce(a.acknowledged_at, p_now), acknowledged_by = coalesce(a.acknowledged_by, p_by)
    where a.id = p_alert and a.state <> 'resolved'
    returning a.id, a.rule, a.scope, a.acknowledged_at, a.acknowledged_by;
    if not found then
        raise exception 'alert % is not open', p_alert
            using errcode = 'ML404', detail = 'There is none of this number, or it is over.',
                  hint = 'select * from memory.alerts where state <> ''resolved'';';
    end if;
end;
$function$;

comment on function memory.acknowledge_alert is
'Say that somebody looks after an alert; it stays open until its value is back.';
