-- Which of the 64 stripes of a namespace a content is in: writers of one content wait for each other by
-- the advisory lock (namespace, stripe), and those of others seldom do.
create or replace function memory._content_stripe(p_content text)
returns integer
language sql
immutable
parallel safe
as $function$
select abs(hashtext(p_content) % 64)
$function$;

comment on function memory._content_stripe is
'The advisory lock, 0..63 of a namespace, on which writers of a content wait for each other.';
