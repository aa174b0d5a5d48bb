-- Put what happened to an alert before every channel, and NOTIFY who listens on magray_alert.
create or replace function memory._notify_of_alert(p_alert bigint, p_event text, p_now timestamptz)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_body jsonb;
begin
    update memory_data.alert as a set told = true where a.id = p_alert;
    select jsonb_build_object(
        'alert', a.id, 'event', p_event, 'at', p_now, 'rule', a.rule, 'kpi', r.kpi, 'scope', a.scope,
        'severity', a.severity, 'value', a.value, 'worst', a.worst, 'threshold', r.threshold,
        'since', a.since, 'opened_at', a.opened_at, 'resolved_at', a.resolved_at, 'meaning', r.meaning,
        'hint', r.hint)
    into v_body
    from memory_data.alert as a
    join memory_data.alert_rule as r on r.name = a.rule
    where a.id = p_alert;
    insert into memory_data.notification (alert, event, at, channel, body, next_attempt_at)
    select p_alert, p_event, p_now, c.channel, v_body, p_now
    from jsonb_array_elements_text(memory._setting('alert_channels')) as c (channel);
    perform pg_notify('magray_alert', v_body::text);
end;
$function$;

comment on function memory._notify_of_alert is
'Queue a message about an alert for every channel, and NOTIFY magray_alert.';
