-- The API keys, newest first, without anything secret.
create or replace function memory.list_keys()
returns table (
    name text, prefix text, namespaces text[], scopes text[], created_at timestamptz,
    expires_at timestamptz, revoked_at timestamptz
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select k.name, k.prefix, k.namespaces, k.scopes, k.created_at, k.expires_at, k.revoked_at
from memory_data.api_key as k
order by k.created_at desc
$function$;

comment on function memory.list_keys is 'The API keys, newest first.';
