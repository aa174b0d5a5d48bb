-- When it was said, as words: an ISO date becomes "8 May 2023", because that is how people ask;
-- any other text stands as it is.
create or replace function memory._spoken_date(p_metadata jsonb)
returns text
language plpgsql
stable
parallel safe
set search_path to pg_catalog, pg_temp
set datestyle to 'ISO, YMD'
as $function$
declare
    v_date text := coalesce(p_metadata ->> 'date', p_metadata ->> 'timestamp');
begin
    if v_date ~ '^\d{4}-\d{2}-\d{2}' then
        return to_char(left(v_date, 10)::date, 'FMDD FMMonth YYYY');
    end if;
    return v_date;
exception
    -- Looks like a date and is none (2023-02-31): it is still text.
    when datetime_field_overflow or invalid_datetime_format then
        return v_date;
end;
$function$;

comment on function memory._spoken_date is 'The date a memory''s metadata names, in words, or null.';
