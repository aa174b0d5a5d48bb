-- Writes archived records into their layers again: same id, content, turn, history and usage. They
-- enter anew: entered_at is p_now and the life is the layer's whole ttl. The vector comes back when
-- it is of the model in use, otherwise the service embeds the text again. Words are made anew.
--
-- Edits whose month is past the retention of revisions are left out, as they would be gone had the
-- record stayed. Events are added where they are missing. Uses counted since it left are added.
create or replace function memory._put_back(p_records memory_data.archive_outbox[], p_now timestamptz)
returns void
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
declare
    v_layer record;
begin
    for v_layer in
        select l.name, coalesce(p_now + l.ttl, 'infinity') as expires_at from memory_data.layer as l
    loop
        execute format($put$
            insert into memory_data.%I
                (namespace, id, kind, content, content_hash, embedding, model, search, language,
                 metadata, session, turn, importance, pinned, created_at, entered_at, expires_at, size)
            select r.namespace, r.id, r.kind, r.content, r.content_hash, v.embedding, v.model, w.words,
                r.language, r.metadata, r.session, r.turn, r.importance, r.pinned, r.created_at, $2, $3,
                greatest(0, r.size - case when v.embedding is null
                                          then coalesce(pg_column_size(r.embedding), 0) else 0 end)
            from unnest($1) as r
            left join memory._active_model() as a
                on a.model_id = r.model and a.dim = public.vector_dims(r.embedding)
            cross join lateral (
                select case when a.model_id is not null then r.embedding end as embedding,
                    a.model_id as model) as v
            cross join lateral (
                select memory._words(r.language, r.content, r.metadata) as words) as w
            where r.layer = %L
            $put$, v_layer.name, v_layer.name)
        using p_records, p_now, v_layer.expires_at;
    end loop;

    insert into memory_data.usage as u
        (namespace, id, access_count, first_access, last_access, rating_sum, rating_count,
         context_relevance)
    select r.namespace, r.id, r.access_count, r.first_access, r.last_access, r.rating_sum,
        r.rating_count, r.context_relevance
    from unnest(p_records) as r
    where r.access_count is not null
    order by r.namespace, r.id
    on conflict (namespace, id) do update
    set access_count = u.access_count + excluded.access_count,
        first_access = least(u.first_access, excluded.first_access),
        last_access = greatest(u.last_access, excluded.last_access),
        rating_sum = u.rating_sum + excluded.rating_sum,
        rating_count = u.rating_count + excluded.rating_count,
        context_relevance = coalesce(u.context_relevance, excluded.context_relevance);

    insert into memory_data.revision
        (namespace, id, at, content, kind, metadata, importance, pinned)
    select r.namespace, r.id, e.at, e.content, e.kind, e.metadata, e.importance, e.pinned
    from unnest(p_records) as r
    cross join lateral jsonb_to_recordset(r.revisions) as e (
        at timestamptz, content text, kind text, metadata jsonb, importance real, pinned boolean)
    where memory._has_partition('revision', e.at);

    insert into memory_data.access_event (namespace, id, at, session, source, rating)
    select r.namespace, r.id, e.at, e.session, e.source, e.rating
    from unnest(p_records) as r
    cross join lateral jsonb_to_recordset(r.events) as e (
        at timestamptz, session text, source text, rating real)
    where memory._has_partition('access_event', e.at)
        and not exists (
            select from memory_data.access_event as a
            where a.namespace = r.namespace and a.id = r.id and a.at = e.at and a.source = e.source
                and a.session is not distinct from e.session);
end;
$function$;

comment on function memory._put_back is
'Insert archived records into their layers, with usage, history and events.';
