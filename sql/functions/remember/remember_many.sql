-- Store a batch of memories in one namespace, all or nothing.
--
-- A memory that is already there (same kind, session, content and metadata, still alive) is not
-- stored again: its row answers with the existing id and created = false. Writers of the same memory
-- meet at an advisory lock on its hash (64 stripes, taken in order: no deadlock), because no unique
-- index can span partitions. A repeated idempotency key answers as the first time.
create or replace function memory.remember_many(
    p_namespace text,
    p_memories jsonb,
    p_embeddings halfvec[] default null,
    p_idempotency_key text default null,
    p_now timestamptz default now()
)
returns table (
    ordinal integer, id uuid, created boolean, layer text, kind text, created_at timestamptz,
    expires_at timestamptz, has_embedding boolean
)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_model smallint;
    v_count integer := case when jsonb_typeof(p_memories) = 'array'
                            then jsonb_array_length(p_memories) else 0 end;
    v_answer jsonb;
begin
    perform memory._check_namespace(p_namespace);
    if v_count not between 1 and 1000 then
        raise exception 'a batch has 1 to 1000 memories'
            using errcode = 'ML422', detail = format('Given: %s.', v_count),
                  hint = 'Send a larger batch in parts.';
    end if;
    v_model := memory._check_vectors(p_embeddings, v_count);

    v_answer := memory._kept_answer(p_namespace, p_idempotency_key, p_memories);
    if v_answer is null then
        v_answer := memory._store(p_namespace, p_memories, p_embeddings, v_model, p_now);
        perform memory._extend_search_reach(v_answer, p_now);
        insert into memory_data.idempotency (namespace, key, request_hash, response, at)
        select p_namespace, p_idempotency_key, sha256(convert_to(p_memories::text, 'UTF8')), v_answer, p_now
        where p_idempotency_key is not null;
    end if;

    return query
    select r.ordinal, r.id, r.created, r.layer, r.kind, r.created_at,
        nullif(r.expires_at, 'infinity'), r.has_embedding
    from jsonb_to_recordset(v_answer) as r (
        ordinal integer, id uuid, created boolean, layer text, kind text, created_at timestamptz,
        expires_at timestamptz, has_embedding boolean)
    order by r.ordinal;
end;
$function$;

comment on function memory.remember_many is
'Store 1 to 1000 memories in a namespace, all or nothing; returns one row each, in order.';
