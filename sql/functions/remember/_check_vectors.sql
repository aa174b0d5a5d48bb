-- Vectors a caller brought fit the model in use: as many as memories, its dimension, a direction.
create or replace function memory._check_vectors(p_embeddings halfvec[], p_memories integer)
returns smallint
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
declare
    v_model record;
    v_vector record;
begin
    select * into v_model from memory._active_model();
    if array_remove(p_embeddings, null) = '{}' or p_embeddings is null then
        return v_model.model_id;
    end if;
    if v_model.model_id is null then
        raise exception 'no embedding model is set'
            using errcode = 'ML422',
                  detail = 'Vectors can be stored once their model and dimension are known.',
                  hint = 'MAGRAY_EMBEDDING__PROVIDER=none MAGRAY_EMBEDDING__DIM=384 magray migrate';
    end if;
    if cardinality(p_embeddings) <> p_memories then
        raise exception '% memories came with % vectors', p_memories, cardinality(p_embeddings)
            using errcode = 'ML422',
                  detail = 'Give one vector a memory, null where there is none.',
                  hint = 'Nothing was stored; send the batch again with matching arrays.';
    end if;
    select e.place, vector_dims(e.embedding) as dims, l2_norm(e.embedding) as norm into v_vector
    from unnest(p_embeddings) with ordinality as e (embedding, place)
    where vector_dims(e.embedding) <> v_model.dim or l2_norm(e.embedding) = 0
    order by e.place
    limit 1;
    if found then
        raise exception 'memory %: embedding does not fit', v_vector.place
            using errcode = 'ML422',
                  detail = format('%s dimensions of length %s; model "%s" has %s, and a direction.',
                                  v_vector.dims, v_vector.norm, v_model.name, v_model.dim),
                  hint = 'Nothing was stored; leave embedding out to have it made.';
    end if;
    return v_model.model_id;
end;
$function$;

comment on function memory._check_vectors is
'The active model''s id after checking vectors against it; ML422 with the place of the first misfit.';
