-- For functions that run with the owner's rights because row security would keep them from an index:
-- what it would have enforced. Operators and owners may look anywhere, the service only into the
-- namespace set for its transaction. The role setting still names the caller inside such a function.
create or replace function memory._require_own_namespace(p_namespace text)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if p_namespace is distinct from nullif(current_setting('magray.namespace', true), '')
        and not pg_has_role(
            coalesce(nullif(current_setting('role'), 'none'), session_user::text),
            'memory_operator', 'usage')
    then
        raise exception 'namespace "%" is not the one of this transaction', p_namespace
            using errcode = 'ML403',
                  detail = 'The service may read the namespace it set for its transaction.',
                  hint = format('select set_config(''magray.namespace'', %L, true);', p_namespace);
    end if;
end;
$function$;

comment on function memory._require_own_namespace is
'ML403 unless the caller may read this namespace: what row security enforces elsewhere.';
