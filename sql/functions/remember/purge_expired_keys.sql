-- Removes idempotency keys older than their hours, a bounded batch at a time.
create or replace function memory.purge_expired_keys(
    p_now timestamptz default now(), p_limit integer default 10000
)
returns table (namespace text, key text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if not pg_try_advisory_xact_lock(hashtextextended('memory.purge_expired_keys', 0)) then
        raise notice 'purge_expired_keys is already running';
        return;
    end if;
    return query
    delete from memory_data.idempotency as i
    where (i.namespace, i.key) in (
        select o.namespace, o.key
        from memory_data.idempotency as o
        where o.at < p_now - memory._setting('idempotency_hours')::integer * interval '1 hour'
        order by o.at
        limit p_limit)
    returning i.namespace, i.key;
end;
$function$;

comment on function memory.purge_expired_keys is
'Remove idempotency keys past their hours; returns what it removed.';
