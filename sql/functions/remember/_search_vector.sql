-- The words of a memory: speaker labelled A, date B, content D.
create or replace function memory._search_vector(p_language text, p_content text, p_metadata jsonb)
returns tsvector
language plpgsql
stable
parallel safe
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_config regconfig := memory._text_config(p_language);
begin
    return setweight(to_tsvector(v_config, coalesce(memory._speaker(p_metadata), '')), 'A')
        || setweight(to_tsvector(v_config, coalesce(memory._spoken_date(p_metadata), '')), 'B')
        || to_tsvector(v_config, p_content);
end;
$function$;

comment on function memory._search_vector is 'The text search vector of a memory.';
