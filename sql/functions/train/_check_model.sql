-- Refuses a model that was never stored.
create or replace function memory._check_model(p_model integer)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if not exists (select from memory_data.model as m where m.id = p_model) then
        raise exception 'there is no model %', coalesce(p_model::text, 'null')
            using errcode = 'ML404', detail = 'Models are stored by magray train.',
                  hint = 'select * from memory.models;';
    end if;
end;
$function$;

comment on function memory._check_model is 'ML404 when there is no such model.';
