-- Remember that a text could not be embedded: tried again after 1, 2, 4 … minutes, at most a day.
create or replace function memory.note_embedding_failure(
    p_namespace text, p_id uuid, p_error text, p_now timestamptz default now()
)
returns table (attempts integer, next_attempt_at timestamptz)
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.embedding_failure as f (namespace, id, attempts, last_error, next_attempt_at)
values (p_namespace, p_id, 1, left(p_error, 500), p_now + interval '1 minute')
on conflict (namespace, id) do update
set attempts = f.attempts + 1, last_error = excluded.last_error,
    next_attempt_at = p_now + least(interval '1 day', interval '1 minute' * 2 ^ least(f.attempts, 11))
returning attempts, next_attempt_at
$function$;

comment on function memory.note_embedding_failure is
'Record a failed embedding and when to try again.';
