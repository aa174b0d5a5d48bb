-- The API key of this SHA-256, if it may be used now. Runs with the owner's rights: the service
-- itself cannot read the table of keys.
create or replace function memory.find_key(p_digest bytea, p_now timestamptz default now())
returns table (id uuid, name text, namespaces text[], scopes text[])
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select k.id, k.name, k.namespaces, k.scopes
from memory_data.api_key as k
where k.digest = p_digest
    and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > p_now)
$function$;

comment on function memory.find_key is 'The usable API key of a SHA-256, no row when there is none.';
