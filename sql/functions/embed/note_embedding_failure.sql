-- Remember that a text could not be embedded: tried again after 1, 2, 4 … minutes, and set aside after
-- the setting `embedding_attempts`: never again by itself (memory.retry_embeddings, an edit, another
-- model begin anew).
create or replace function memory.note_embedding_failure(
    p_namespace text, p_id uuid, p_error text, p_now timestamptz default now()
)
returns table (attempts integer, next_attempt_at timestamptz)
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.embedding_failure as f (namespace, id, attempts, last_error, next_attempt_at)
select p_namespace, p_id, 1, left(p_error, 500), l.next_attempt_at
from (select case when memory._setting('embedding_attempts')::integer <= 1 then 'infinity'
                  else p_now + interval '1 minute' end as next_attempt_at) as l
on conflict (namespace, id) do update
set attempts = f.attempts + 1, last_error = excluded.last_error, shortened_to = null,
    next_attempt_at = case
        when f.attempts + 1 >= memory._setting('embedding_attempts')::integer then 'infinity'
        else p_now + least(interval '1 day', interval '1 minute' * 2 ^ least(f.attempts, 11)) end
returning attempts, nullif(next_attempt_at, 'infinity')
$function$;

comment on function memory.note_embedding_failure is
'Record a failed embedding and when to try again; null: it is set aside.';
