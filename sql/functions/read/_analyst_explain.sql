-- memory.explain for who may not read the tables, with the owner's rights. It tells nothing of the content.
create or replace function memory._analyst_explain(p_namespace text, p_id uuid, p_now timestamptz)
returns table (
    criterion text, value double precision, threshold double precision, passed boolean, note text
)
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select * from memory.explain(p_namespace, p_id, p_now)
$function$;

comment on function memory._analyst_explain is
'What memory.explain answers an analyst.';
