-- For functions that run with the owner's rights because row security would keep them from an index:
-- what it would have enforced (memory._is_own_namespace).
create or replace function memory._require_own_namespace(p_namespace text)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if not memory._is_own_namespace(p_namespace) then
        raise exception 'namespace "%" is not the one of this transaction', p_namespace
            using errcode = 'ML403',
                  detail = 'The service may read the namespace it set for its transaction.',
                  hint = format('select set_config(''magray.namespace'', %L, true);', p_namespace);
    end if;
end;
$function$;

comment on function memory._require_own_namespace is
'ML403 unless the caller may read this namespace: what row security enforces elsewhere.';
