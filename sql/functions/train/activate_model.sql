-- Makes a stored model the one whose scores count; null: none, the fixed weighting answers again.
-- Records it has not scored yet are answered for by the fixed weighting until it has.
create or replace function memory.activate_model(p_model integer, p_now timestamptz default now())
returns table (id integer, name text, active boolean)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_model is not null then
        perform memory._check_model(p_model);
    end if;
    -- two at once would both find no active one
    perform pg_advisory_xact_lock(hashtextextended('memory.activate_model', 0));
    return query
    update memory_data.model as m set active = false
    where m.active and m.id is distinct from p_model
    returning m.id, m.name, m.active;
    return query
    update memory_data.model as m set active = true, activated_at = p_now
    where m.id = p_model and not m.active
    returning m.id, m.name, m.active;
end;
$function$;

comment on function memory.activate_model is
'Make a model the one whose scores count, null for none; returns the models that changed.';
