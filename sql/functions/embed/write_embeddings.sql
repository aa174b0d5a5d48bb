-- Store the vectors a worker made. A memory that is gone, or whose text changed since it was read
-- (p_documents holds what was embedded), is left out; the answer says which were written. A vector
-- without a direction is noted as a failed attempt: it must not hold up the others. p_shortened: of how
-- many characters the vector is made where the provider did not take the whole text, and p_reasons what
-- it said to more; null: of all.
create or replace function memory.write_embeddings(
    p_namespaces text[], p_ids uuid[], p_documents text[], p_embeddings halfvec[], p_model text,
    p_shortened integer[] default null, p_reasons text[] default null
)
returns table (namespace text, id uuid)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_model record;
    v_layer text;
begin
    select * into v_model from memory._active_model();
    if v_model.name is distinct from p_model then
        raise exception 'model "%" is not the one in use', p_model
            using errcode = 'ML409',
                  detail = format('In use: "%s".', coalesce(v_model.name, 'none')),
                  hint = 'magray migrate --replace-model';
    end if;
    if exists (select from unnest(p_embeddings) as e (embedding)
               where vector_dims(e.embedding) <> v_model.dim) then
        raise exception 'the vectors do not fit'
            using errcode = 'ML422',
                  detail = format('Model "%s" has %s dimensions.', v_model.name, v_model.dim),
                  hint = 'magray check';
    end if;
    perform memory.note_embedding_failure(w.namespace, w.id, 'the model gave a vector of zeros')
    from unnest(p_namespaces, p_ids, p_embeddings) as w (namespace, id, embedding)
    where l2_norm(w.embedding) = 0;
    -- upwards: what is promoted meanwhile is waited for here and found one layer further
    foreach v_layer in array array['interact', 'insights', 'assets'] loop
        perform memory._lock_records(v_layer, p_namespaces, p_ids);
        return query execute format(
            'update memory_data.%I as m '
            'set embedding = w.embedding, model = $5, size = m.size + pg_column_size(w.embedding) '
            'from unnest($1, $2, $3, $4) as w (namespace, id, document, embedding) '
            'where m.namespace = w.namespace and m.id = w.id and m.embedding is null and public.l2_norm(w.embedding) > 0 '
            'and memory._text_to_embed(m.content, m.metadata) = w.document '
            'returning m.namespace, m.id', v_layer)
        using p_namespaces, p_ids, p_documents, p_embeddings, v_model.model_id;
    end loop;
    delete from memory_data.embedding_failure as f
    using unnest(p_namespaces, p_ids, p_embeddings) as w (namespace, id, embedding)
    where f.namespace = w.namespace and f.id = w.id and f.shortened_to is null and l2_norm(w.embedding) > 0;
    insert into memory_data.embedding_failure (namespace, id, attempts, last_error, next_attempt_at, shortened_to)
    select w.namespace, w.id, 0, left(coalesce(w.reason, ''), 500), 'infinity', w.shortened
    from unnest(p_namespaces, p_ids, p_documents, p_embeddings, p_shortened, p_reasons)
        as w (namespace, id, document, embedding, shortened, reason)
    join memory._memories as m on m.namespace = w.namespace and m.id = w.id and m.embedding is not null
        and memory._text_to_embed(m.content, m.metadata) = w.document
    where w.shortened is not null and l2_norm(w.embedding) > 0
    on conflict do nothing;
    perform memory._note_change(n.namespace)
    from (select distinct w.namespace from unnest(p_namespaces) as w (namespace) order by 1) as n;
end;
$function$;

comment on function memory.write_embeddings is
'Store vectors made for pending memories; returns those written.';
