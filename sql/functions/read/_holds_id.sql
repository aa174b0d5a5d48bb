-- Whether an id is among those a decision about many records keeps the last three bytes of.
create or replace function memory._holds_id(p_members bytea, p_id uuid)
returns boolean
language plpgsql
immutable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_wanted constant bytea := substr(uuid_send(p_id), 14);
    v_from integer := 1;
    v_place integer;
begin
    loop
        v_place := position(v_wanted in substr(p_members, v_from));
        -- only where a triple begins
        exit when v_place = 0 or (v_from + v_place - 2) % 3 = 0;
        v_from := v_from + v_place;
    end loop;
    return v_place > 0;
end;
$function$;

comment on function memory._holds_id is
'Whether an id is one of those decided at once, by the last three bytes of each.';
