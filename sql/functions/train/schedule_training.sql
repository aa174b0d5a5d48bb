-- Switches retraining on at the times of p_cron, with the hourly scoring of what is new; null
-- switches both off. The jobs are commands, not SQL: the service runs what begins with `magray train`.
create or replace function memory.schedule_training(p_cron text, p_now timestamptz default now())
returns table (name text, cron text, command text, enabled boolean)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_cron is not null then
        perform memory._check_cron(p_cron, 'magray train --schedule ''23 3 * * *''', p_now);
    end if;
    perform memory.set_job('train', p_cron, p_cron is not null, p_now),
        memory.set_job('score', null, p_cron is not null, p_now);
    return query
    select s.name, s.cron, s.command, s.enabled from memory_data.schedule as s
    where s.name in ('train', 'score');
end;
$function$;

comment on function memory.schedule_training is
'Retrain by a cron schedule, null for never; returns the jobs as they are now.';
