-- The lexemes of a question in a language; joined by OR later, because AND loses three quarters of
-- the recall.
create or replace function memory._lexemes(p_query text, p_language text)
returns text[]
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select tsvector_to_array(to_tsvector(
    memory._text_config(coalesce(p_language, memory._detect_language(p_query))), left(p_query, 10000)))
$function$;

comment on function memory._lexemes is 'The lexemes of a question, in its language.';
