-- A schedule before it is kept. p_hint: what to type instead, which depends on where it was typed.
create or replace function memory._check_cron(p_cron text, p_hint text, p_now timestamptz)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if memory._next_due(p_cron, p_now) is null then
        raise exception 'schedule "%" is never due', p_cron
            using errcode = 'ML422',
                  detail = 'Five fields (minute, hour, day, month, weekday) as in cron, "@daily" and the like, '
                           'or "1 seconds" to "59 seconds".',
                  hint = p_hint;
    end if;
end;
$function$;

comment on function memory._check_cron is 'ML422 unless a schedule can be read and is due some day.';
