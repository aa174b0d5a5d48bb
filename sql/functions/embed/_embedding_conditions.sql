-- Conditions of vectors that are to be made: what waits, what was set aside or shortened, and whether the
-- provider answered the service.
create or replace function memory._embedding_conditions(p_now timestamptz)
returns table (condition text, ok boolean, needed boolean, detail text, hint text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'embedding model', count(*) = 1, false,
    coalesce(max(m.name || ', ' || m.dim || ' dimensions'), 'none registered yet'), 'magray migrate'
from memory._active_model() as m
union all
select 'provider for the service', count(*) = 0, false,
    coalesce(max(format('%s fails since %s: %s', s.model, date_trunc('second', s.failing_since), s.error)),
             'no service says that it fails'),
    'correct [embedding] in magray.toml or the provider; the service asks it again by itself'
from memory_data.provider_state as s
join memory._active_model() as m on m.name = s.model
where s.failing_since is not null and s.noted_at > p_now - interval '5 minutes'
union all
select 'waiting for vectors', count(*) < 10000, false, format('%s memories', count(*)),
    'Is the service running? magray serve'
from memory._memories as m
left join memory_data.embedding_failure as f on f.namespace = m.namespace and f.id = m.id
where m.embedding is null and m.expires_at > p_now
    and (f.next_attempt_at is null or f.next_attempt_at < 'infinity')
union all
select 'texts without vector', count(*) = 0, false,
    case when count(*) = 0 then 'none is set aside'
         else format('%s set aside after %s tries, found by words only; the last: %s', count(*), max(f.attempts),
                     (array_agg(f.last_error order by f.id desc))[1]) end,
    'select * from memory.retry_embeddings();'
from memory_data.embedding_failure as f
join memory._memories as m on m.namespace = f.namespace and m.id = f.id
where f.next_attempt_at = 'infinity' and m.embedding is null and m.expires_at > p_now
union all
select 'shortened texts', true, false,
    case when count(*) = 0 then 'none'
         else format('%s have a vector of their beginning only, the rest is found by words', count(*)) end,
    'select * from memory.shortened;'
from memory_data.embedding_failure as f
where f.shortened_to is not null
$function$;

comment on function memory._embedding_conditions is
'Whether vectors are made, and of which texts not; rows as memory.check_database.';
