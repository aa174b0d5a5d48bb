-- Register an API key by its SHA-256. The key itself never reaches the database.
create or replace function memory.create_key(
    p_name text, p_prefix text, p_digest bytea, p_namespaces text[], p_scopes text[],
    p_expires_at timestamptz default null
)
returns table (id uuid, name text, prefix text, namespaces text[], scopes text[], expires_at timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if coalesce(cardinality(p_namespaces), 0) = 0
        or not coalesce(p_scopes <@ array['read', 'write', 'admin'] and cardinality(p_scopes) > 0, false) then
        raise exception 'a key needs namespaces and scopes'
            using errcode = 'ML422',
                  detail = format('Namespaces: %s; scopes: %s of read, write, admin.',
                                  coalesce(p_namespaces::text, 'none'), coalesce(p_scopes::text, 'none')),
                  hint = 'magray keys create --name app --namespace user-1 --scope read --scope write';
    end if;
    return query
    insert into memory_data.api_key as k (name, prefix, digest, namespaces, scopes, expires_at)
    values (p_name, p_prefix, p_digest, p_namespaces, p_scopes, p_expires_at)
    returning k.id, k.name, k.prefix, k.namespaces, k.scopes, k.expires_at;
end;
$function$;

comment on function memory.create_key is 'Register an API key by its SHA-256, bound to namespaces and scopes.';
