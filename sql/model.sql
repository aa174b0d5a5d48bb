-- Makes the model named by magray.model and magray.dim the one whose vectors are stored; runs while
-- schema memory is empty, because a view would forbid to change the column's dimension.
--
-- Vectors of two models are never mixed: where there are vectors of another model they are dropped,
-- if magray.replace_model says so, and the service embeds every memory anew from its text.
do $model$
declare
    v_model text := nullif(current_setting('magray.model', true), '');
    v_dim integer := nullif(current_setting('magray.dim', true), '')::integer;
    v_replace boolean := coalesce(nullif(current_setting('magray.replace_model', true), ''), 'off')::boolean;
    v_active memory_data.embedding_model;
    v_vectors bigint;
    v_old_dim integer;
    v_layer text;
    v_index regclass;
begin
    select * into v_active from memory_data.embedding_model as e where e.active;
    if v_model is null or (v_active.name = v_model and v_active.dim = v_dim) then
        return;
    end if;

    select count(i.embedding) + (select count(n.embedding) from memory_data.insights as n)
        + (select count(a.embedding) from memory_data.assets as a)
    into v_vectors
    from memory_data.interact as i;
    if v_vectors > 0 and not v_replace then
        raise exception 'the stored vectors are of another model'
            using errcode = 'ML409',
                  detail = format('%s memories have vectors of "%s"; "%s" is configured.',
                                  v_vectors, v_active.name, v_model),
                  hint = 'magray migrate --replace-model';
    end if;

    foreach v_layer in array array['interact', 'insights', 'assets'] loop
        if v_vectors > 0 then
            execute format('update memory_data.%I set embedding = null, model = null, '
                           'size = greatest(0, size - pg_column_size(embedding)) '
                           'where embedding is not null', v_layer);
        end if;
        select a.atttypmod into v_old_dim from pg_attribute as a
        where a.attrelid = format('memory_data.%I', v_layer)::regclass and a.attname = 'embedding';
        continue when v_old_dim = v_dim;

        for v_index in
            select x.indexrelid
            from pg_inherits as i
            join pg_index as x on x.indrelid = i.inhrelid
            join pg_class as c on c.oid = x.indexrelid
            join pg_am as a on a.oid = c.relam
            where i.inhparent = format('memory_data.%I', v_layer)::regclass
                and (a.amname = 'hnsw' or c.relname ~ '_exact$')
        loop
            execute format('drop index %s', v_index);
        end loop;
        execute format('alter table memory_data.%I alter column embedding type public.halfvec(%s) using null',
                       v_layer, v_dim);
        delete from memory_data.compression as c where c.layer = v_layer;
        -- memory.plan_indexes builds the partitions' indexes anew.
    end loop;

    -- What the old model could not embed the new one may.
    delete from memory_data.embedding_failure;
    update memory_data.embedding_model as e set active = false where e.active;
    insert into memory_data.embedding_model as e (name, dim, active) values (v_model, v_dim, true)
    on conflict (name) do update set dim = excluded.dim, active = true;
end;
$model$;
