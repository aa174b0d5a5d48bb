-- The switch every scheduled job looks at: off on a restored clone, whose jobs would delete and promote
-- what is to be looked at.
create or replace function memory.enable_jobs(p_enabled boolean)
returns boolean
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_was boolean;
begin
    v_was := (memory._setting('jobs_enabled'))::boolean;
    update memory_data.setting as s set value = to_jsonb(p_enabled)
    where s.key = 'jobs_enabled' and s.value <> to_jsonb(p_enabled);
    return v_was;
end;
$function$;

comment on function memory.enable_jobs is
'Let scheduled jobs run (true) or none (false); returns what was set before.';
