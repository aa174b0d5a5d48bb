-- Compare the KPIs with the rules: open what has been alarming long enough, and often enough where the
-- catalogue says how often (one request of sixty that fails is 2 %), keep it while it lasts,
-- end it when the value is back behind `clear` (hysteresis) or there is no value any more. What is
-- pending begins anew when nobody looked for memory._alerts_stale_after: it is not known to have lasted. Every
-- opening and end is a notification a channel and a NOTIFY on magray_alert. While the rule is silenced
-- no opening is told; it is told later, if it is still open. The end of what was told is told even then:
-- otherwise the receiver would believe it open for ever. Returns the alerts that changed their state.
create or replace function memory.check_alerts(
    p_now timestamptz default now(), p_limit integer default 1000, p_dry_run boolean default false
)
returns table (alert bigint, rule text, scope text, state text, was text, value double precision)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_seen record;
    v_gap constant interval := memory._alerts_stale_after(p_now);
begin
    if not memory._lock_job('memory.check_alerts') then
        return;
    end if;
    for v_seen in
        with kpi as materialized (
            select * from memory.kpis(p_now)
        ),
        telling as (
            select k.kpi, k.scope, k.value, g.at_least is null or coalesce(n.value >= g.at_least, false) as enough
            from kpi as k
            join memory.kpi_catalogue as g on g.kpi = k.kpi
            left join kpi as n on n.kpi = g.counted and n.scope = k.scope
            where k.value is not null
        )
        select coalesce(a.rule, r.name) as rule, coalesce(a.scope, k.scope) as scope, a.id, a.state, a.worst, a.told,
            case when a.state = 'pending' and p_now - a.seen_at > v_gap then p_now else a.since end as since,
            r.severity, r.lasts, k.value,
            k.enough and case when r.above then k.value > r.threshold else k.value < r.threshold end as alarming,
            case when r.above then k.value > r.clear else k.value < r.clear end as holding,
            case when r.above then greatest(k.value, a.worst) else least(k.value, a.worst) end as farthest,
            coalesce(r.silenced_until > p_now, false) as silenced
        from (select * from memory_data.alert_rule as e where e.enabled) as r
        join telling as k on k.kpi = r.kpi and k.scope = coalesce(r.scope, k.scope)
        full join (select * from memory_data.alert as o where o.state <> 'resolved') as a
            on a.rule = r.name and a.scope = k.scope
        where a.id is not null
            or k.enough and case when r.above then k.value > r.threshold else k.value < r.threshold end
        order by 1, 2
        limit p_limit
    loop
        rule := v_seen.rule;
        scope := v_seen.scope;
        value := v_seen.value;
        alert := v_seen.id;
        was := v_seen.state;
        state := case
            when v_seen.state is null then case when v_seen.lasts = interval '0' then 'open' else 'pending' end
            when v_seen.state = 'open' and coalesce(v_seen.holding, false) then 'open'
            when v_seen.state = 'open' then 'resolved'
            when not coalesce(v_seen.alarming, false) then 'gone'
            when p_now - v_seen.since >= v_seen.lasts then 'open'
            else 'pending' end;
        if not p_dry_run then
            if state = 'gone' then
                delete from memory_data.alert as a where a.id = v_seen.id;
            elsif v_seen.id is null then
                insert into memory_data.alert as a (rule, scope, severity, state, since, opened_at, seen_at, value, worst)
                values (rule, scope, v_seen.severity, state, p_now, case when state = 'open' then p_now end, p_now,
                        value, value)
                returning a.id into alert;
            else
                update memory_data.alert as a
                set state = check_alerts.state, since = v_seen.since, seen_at = p_now, value = coalesce(check_alerts.value, a.value),
                    worst = coalesce(v_seen.farthest, a.worst),
                    opened_at = case when check_alerts.state = 'open' then coalesce(a.opened_at, p_now) else a.opened_at end,
                    resolved_at = case when check_alerts.state = 'resolved' then p_now end
                where a.id = v_seen.id;
            end if;
            if state = 'open' and not v_seen.silenced and not coalesce(v_seen.told, false) then
                perform memory._notify_of_alert(alert, 'opened', p_now);
            elsif state = 'resolved' and v_seen.told then
                perform memory._notify_of_alert(alert, 'resolved', p_now);
            end if;
        end if;
        if state is distinct from was then
            return next;
        end if;
    end loop;
    if not p_dry_run then
        delete from memory_data.alert as a
        where a.id in (
            select o.id from memory_data.alert as o
            where o.resolved_at < p_now - memory._setting('alert_days')::integer * interval '1 day'
            order by o.id limit p_limit);
    end if;
end;
$function$;

comment on function memory.check_alerts is
'Open, keep and end alerts by the KPIs and the rules; returns those whose state changed.';
