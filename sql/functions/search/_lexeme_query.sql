-- One lexeme as a query, restricted to a label (A: the speaker) if one is given. A lexeme may hold
-- anything, so quotes and backslashes are doubled as tsquery wants it.
create or replace function memory._lexeme_query(p_lexeme text, p_label text)
returns tsquery
language sql
immutable
parallel safe
as $function$
select ('''' || replace(replace(p_lexeme, '\', '\\'), '''', '''''') || ''''
        || case when p_label = '' then '' else ':' || p_label end)::tsquery
$function$;

comment on function memory._lexeme_query is 'One lexeme as a tsquery, restricted to a label if one is given.';
