-- Changes when a job runs, or switches it on or off; what is null stays. pg_cron follows within a
-- minute. Migrations leave both as they are.
create or replace function memory.set_job(
    p_name text, p_cron text default null, p_enabled boolean default null, p_now timestamptz default now()
)
returns table (name text, cron text, enabled boolean, next_due timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._find_job(p_name);
    if p_cron is not null then
        perform memory._check_cron(
            p_cron, format('select * from memory.set_job(%L, ''*/15 * * * *'');', p_name), p_now);
    end if;
    update memory_data.schedule as s
    set cron = coalesce(p_cron, s.cron), enabled = coalesce(p_enabled, s.enabled), since = p_now
    where s.name = p_name
        and (s.cron, s.enabled) is distinct from (coalesce(p_cron, s.cron), coalesce(p_enabled, s.enabled));
    return query
    select j.name, j.cron, j.enabled, j.next_due from memory._jobs_at(p_now, p_name) as j;
end;
$function$;

comment on function memory.set_job is
'Change a job''s schedule or switch it on or off; ML422 when the schedule is never due.';
