-- Who called a function that runs with the owner's rights: the role it acts as, or its login. The role
-- setting still names the caller inside such a function.
create or replace function memory._calling_role()
returns text
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select coalesce(nullif(current_setting('role'), 'none'), session_user::text)
$function$;

comment on function memory._calling_role is
'The role on whose behalf a function with the owner''s rights runs.';
