-- The kept answer for an idempotency key, null when there is none. Holds the key for the rest of the
-- transaction, so that a retry racing its original waits and then answers the same.
create or replace function memory._kept_answer(p_namespace text, p_key text, p_request jsonb)
returns jsonb
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_kept memory_data.idempotency;
begin
    if p_key is null then
        return null;
    end if;
    if length(p_key) not between 1 and 200 then
        raise exception 'an idempotency key has 1 to 200 characters'
            using errcode = 'ML422', detail = format('Given: %s.', length(p_key)),
                  hint = 'Use a UUID for each write.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('idempotency ' || p_namespace || ' ' || p_key, 0));
    select * into v_kept
    from memory_data.idempotency as i
    where i.namespace = p_namespace and i.key = p_key;
    if not found then
        return null;
    end if;
    if v_kept.request_hash <> sha256(convert_to(p_request::text, 'UTF8')) then
        raise exception 'idempotency key "%" was used for another request', p_key
            using errcode = 'ML409',
                  detail = format('It was first used at %s in namespace "%s".', v_kept.at, p_namespace),
                  hint = 'Use a new key for a new write.';
    end if;
    return v_kept.response;
end;
$function$;

comment on function memory._kept_answer is
'The answer kept for an idempotency key; ML409 when the key belongs to another request.';
