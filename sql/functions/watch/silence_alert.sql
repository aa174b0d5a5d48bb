-- Tell nobody of new alerts of a rule until an instant; null ends the silence. They open and end as ever,
-- and one that is still open then is told. The end of one that was told before is told at once.
create or replace function memory.silence_alert(p_rule text, p_until timestamptz)
returns table (rule text, silenced_until timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    return query
    update memory_data.alert_rule as r set silenced_until = p_until
    where r.name = p_rule
    returning r.name, r.silenced_until;
    if not found then
        raise exception 'there is no alert rule "%"', p_rule
            using errcode = 'ML404',
                  detail = format('Rules: %s.', (select string_agg(r.name, ', ' order by r.name)
                                                 from memory_data.alert_rule as r)),
                  hint = 'select * from memory_data.alert_rule;';
    end if;
end;
$function$;

comment on function memory.silence_alert is
'Tell nobody of new alerts of a rule until an instant; null ends that.';
