-- One turn of the whole lifecycle at p_now, for apps, tests and simulations: expire first, so that what
-- goes anyway does not count as pressure, then promote, so that what earned its place is not evicted
-- from the one before. The scheduled jobs run each step by itself.
--
-- As one call it is one transaction: what expire dropped stays locked until its end. Who must not
-- keep readers waiting calls it once a step (p_steps), as the service does.
create or replace function memory.run_lifecycle(
    p_now timestamptz default now(), p_limit integer default 1000, p_dry_run boolean default false,
    p_steps text[] default null
)
returns table (step text, change jsonb)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_known constant text[] := memory.lifecycle_steps();
begin
    if not coalesce(p_steps, v_known) <@ v_known then
        raise exception 'there is no such step of the lifecycle'
            using errcode = 'ML422',
                  detail = format('Given: %s; known: %s.', array_to_string(p_steps, ', '),
                                  array_to_string(v_known, ', ')),
                  hint = 'select * from memory.run_lifecycle(p_dry_run => true);';
    end if;
    if 'expire' = any (coalesce(p_steps, v_known)) then
        return query
        select 'expire', to_jsonb(e) from memory.expire(p_now, p_limit, p_dry_run) as e;
    end if;
    if 'promote' = any (coalesce(p_steps, v_known)) then
        return query
        select 'promote', to_jsonb(m) from memory.promote(null, p_limit, p_now, p_dry_run) as m;
    end if;
    if 'pressure' = any (coalesce(p_steps, v_known)) then
        return query
        select 'pressure', to_jsonb(r) from memory.relieve_pressure(p_now, p_limit, p_dry_run) as r;
    end if;
end;
$function$;

comment on function memory.run_lifecycle is
'Run the steps of the lifecycle once; returns each change. p_dry_run changes nothing.';
