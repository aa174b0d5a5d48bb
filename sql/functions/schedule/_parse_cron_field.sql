-- The numbers one field of a cron expression stands for, as pg_cron reads it: `*`, `*/2`, `5`, `1-5`,
-- `1-5/2`, lists of these, names of months and days by their first three letters. Null: no such field.
create or replace function memory._parse_cron_field(
    p_field text, p_low integer, p_high integer, p_names text[] default array[]::text[]
)
returns integer[]
language plpgsql
immutable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_part text;
    v_match text[];
    v_low integer;
    v_high integer;
    v_numbers integer[] := array[]::integer[];
begin
    foreach v_part in array string_to_array(coalesce(p_field, ''), ',') loop
        for v_place in 1..cardinality(p_names) loop
            v_part := replace(v_part, p_names[v_place], (p_low + v_place - 1)::text);
        end loop;
        v_match := regexp_match(v_part, '^(?:(\*)|(\d{1,3})(?:-(\d{1,3}))?)(?:/(\d{1,3}))?$');
        v_low := case when v_match[1] is null then v_match[2]::integer else p_low end;
        v_high := case when v_match[1] is null then coalesce(v_match[3], v_match[2])::integer else p_high end;
        if v_match is null or v_low < p_low or v_high > p_high or v_low > v_high or v_match[4]::integer = 0
            -- a step needs something to step through
            or (v_match[4] is not null and v_match[1] is null and v_match[3] is null)
        then
            return null;
        end if;
        v_numbers := v_numbers || array(
            select g.number from generate_series(v_low, v_high, coalesce(v_match[4]::integer, 1)) as g (number));
    end loop;
    return case when v_numbers <> '{}' then v_numbers end;
end;
$function$;

comment on function memory._parse_cron_field is
'The numbers a field of a cron expression stands for; null when it is none.';
