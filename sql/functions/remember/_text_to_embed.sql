-- The text that is embedded: "[date] Speaker: content". Speaker and date are worth more to recall
-- than a better model (LoCoMo, MiniLM: R@10 28.8 for the bare text, 50.1 with both).
create or replace function memory._text_to_embed(p_content text, p_metadata jsonb)
returns text
language sql
stable
parallel safe
as $function$
select coalesce('[' || memory._spoken_date(p_metadata) || '] ', '')
    || coalesce(memory._speaker(p_metadata) || ': ', '')
    || p_content
$function$;

comment on function memory._text_to_embed is 'The text of a memory as it is embedded.';
