-- Remember whether the embedding provider answers: p_error null says it does. What it answered before
-- stays known as the beginning of a failure that goes on.
create or replace function memory.note_provider(
    p_model text, p_error text default null, p_retry_at timestamptz default null,
    p_now timestamptz default now()
)
returns setof memory_data.provider_state
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.provider_state as s (model, failing_since, error, retry_at, noted_at)
values (p_model, case when p_error is not null then p_now end, left(p_error, 500), p_retry_at, p_now)
on conflict (model) do update
set failing_since = case
        when excluded.error is null then null
        -- what nobody spoke of for so long is another failure
        when s.noted_at < p_now - interval '5 minutes' then p_now
        else coalesce(s.failing_since, p_now) end,
    error = excluded.error, retry_at = excluded.retry_at, noted_at = excluded.noted_at
returning s.*
$function$;

comment on function memory.note_provider is
'Keep whether the embedding provider answers the services, and since when it does not.';
