-- Keeps the answer of a write for its idempotency key, in the transaction of the write.
create or replace function memory._keep_answer(
    p_namespace text, p_key text, p_request jsonb, p_answer jsonb, p_now timestamptz
)
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.idempotency (namespace, key, request_hash, response, at)
select p_namespace, p_key, sha256(convert_to(p_request::text, 'UTF8')), p_answer, p_now
where p_key is not null
$function$;

comment on function memory._keep_answer is 'Keep the answer of a write for its idempotency key.';
