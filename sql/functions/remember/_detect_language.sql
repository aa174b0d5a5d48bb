-- The text search configuration for a text whose language nobody named, by its script.
-- Latin counts as English, the only Latin guess that does no harm to English; a caller who knows
-- better passes `language`. The configuration russian stems Latin words as English ones, so a
-- Russian text with English terms is served as well.
create or replace function memory._detect_language(p_text text)
returns text
language sql
immutable
parallel safe
as $function$
select case
    when p_text ~ '[\u0400-\u04FF]' then 'russian'
    when p_text ~ '[\u0370-\u03FF]' then 'greek'
    when p_text ~ '[\u0590-\u05FF]' then 'simple'
    when p_text ~ '[\u0600-\u06FF]' then 'arabic'
    when p_text ~ '[\u0900-\u097F]' then 'hindi'
    when p_text ~ '[\u0530-\u058F]' then 'armenian'
    when p_text ~ '[\u0B80-\u0BFF]' then 'tamil'
    when p_text ~ '[a-zA-Z]' then 'english'
    else 'simple'
end
$function$;

comment on function memory._detect_language is
'The text search configuration for a text, guessed from its script.';
