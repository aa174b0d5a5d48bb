-- For functions that run with the owner's rights: what row security would have let the caller see.
-- Operators, owners and analysts may look anywhere, the service only into the namespace set for its
-- transaction.
create or replace function memory._is_own_namespace(p_namespace text)
returns boolean
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select p_namespace is not distinct from nullif(current_setting('magray.namespace', true), '')
    or pg_has_role(memory._calling_role(), 'memory_operator', 'usage')
    or pg_has_role(memory._calling_role(), 'memory_analyst', 'usage')
$function$;

comment on function memory._is_own_namespace is
'Whether the caller of a function with the owner''s rights may see rows of this namespace.';
