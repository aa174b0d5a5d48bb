-- Who said it, by the names other systems and data sets use.
create or replace function memory._speaker(p_metadata jsonb)
returns text
language sql
immutable
parallel safe
as $function$
select coalesce(p_metadata ->> 'speaker', p_metadata ->> 'author', p_metadata ->> 'actor')
$function$;

comment on function memory._speaker is 'The speaker a memory''s metadata names, or null.';
