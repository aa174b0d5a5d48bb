-- Revoke API keys by the prefix they are listed with. Services forget a key within seconds.
create or replace function memory.revoke_key(
    p_prefix text, p_dry_run boolean default false, p_now timestamptz default now()
)
returns table (id uuid, name text, prefix text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_dry_run then
        return query select k.id, k.name, k.prefix from memory_data.api_key as k
        where k.prefix = p_prefix and k.revoked_at is null;
    else
        return query update memory_data.api_key as k set revoked_at = p_now
        where k.prefix = p_prefix and k.revoked_at is null
        returning k.id, k.name, k.prefix;
    end if;
    if not found then
        raise exception 'no usable key has the prefix "%"', p_prefix
            using errcode = 'ML404', detail = 'A key is named by the prefix that stands in the list.',
                  hint = 'magray keys list';
    end if;
end;
$function$;

comment on function memory.revoke_key is 'Revoke API keys by prefix; returns those revoked.';
