-- One number or text of memory_data.setting, as jsonb.
create or replace function memory._setting(p_key text)
returns jsonb
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_value jsonb;
begin
    select s.value into v_value from memory_data.setting as s where s.key = p_key;
    if not found then
        raise exception 'setting "%" does not exist', p_key
            using errcode = 'ML404',
                  detail = 'Settings are the rows of memory_data.setting.',
                  hint = 'magray migrate';
    end if;
    return v_value;
end;
$function$;

comment on function memory._setting is 'The value of one setting; ML404 when there is none.';
