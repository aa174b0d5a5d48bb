-- Switches retraining on at the times of p_cron, with the hourly scoring of what is new; null
-- switches both off. The jobs are commands, not SQL: the service runs what begins with `magray train`.
create or replace function memory.schedule_training(p_cron text)
returns table (name text, cron text, command text, enabled boolean)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_cron !~ '^([0-9*/,-]+ ){4}[0-9*/,-]+$' then
        raise exception 'this is no cron schedule of five fields'
            using errcode = 'ML422', detail = format('Given: "%s".', p_cron),
                  hint = 'magray train --schedule ''23 3 * * *''';
    end if;
    perform memory.set_job('train', p_cron, p_cron is not null), memory.set_job('score', null, p_cron is not null);
    return query
    select s.name, s.cron, s.command, s.enabled from memory_data.schedule as s
    where s.name in ('train', 'score');
end;
$function$;

comment on function memory.schedule_training is
'Retrain by a cron schedule, null for never; returns the jobs as they are now.';
