-- Writes records that left their layers into them again, from the archive, a backup or an export: same
-- id, content, turn, history and usage. They enter anew, entered_at is p_now and the life is the layer's
-- whole ttl; or, p_as_was, they stand as they stood, to their own end. The vector comes back when it
-- is of the model in use, otherwise the service embeds the text again. Words are made anew.
--
-- Edits whose month is past the retention of revisions are left out, as they would be gone had the
-- record stayed. Edits and events are added where they are missing. Uses counted since it left are added;
-- p_as_was, the use is what it was.
create or replace function memory._put_records_back(
    p_records memory_data.archive_outbox[], p_now timestamptz, p_as_was boolean default false
)
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
                r.language, r.metadata, r.session, r.turn, r.importance, r.pinned, r.created_at,
                case when $4 then r.entered_at else $2 end, case when $4 then r.expires_at else $3 end,
                greatest(0, coalesce(
                    r.size - case when v.embedding is null then coalesce(pg_column_size(r.embedding), 0) else 0 end,
                    octet_length(r.content) + coalesce(pg_column_size(v.embedding), 0)
                    + pg_column_size(w.words) + pg_column_size(r.metadata)))
            from unnest($1) as r
            left join memory._active_model() as a
                on a.model_id = r.model and a.dim = public.vector_dims(r.embedding)
            cross join lateral (
                select case when a.model_id is not null then r.embedding end as embedding,
                    a.model_id as model) as v
            cross join lateral (
                select memory._search_vector(r.language, r.content, r.metadata) as words) as w
            where r.layer = %L
            $put$, v_layer.name, v_layer.name)
        using p_records, p_now, v_layer.expires_at, p_as_was;
    end loop;

    if p_as_was then
        delete from memory_data.usage as u using unnest(p_records) as r
        where u.namespace = r.namespace and u.id = r.id;
    end if;
    -- Columns a file does not know yet begin with their defaults; counts add up.
    insert into memory_data.usage (namespace, id)
    select r.namespace, r.id from unnest(p_records) as r
    where r.usage is not null
    order by r.namespace, r.id
    on conflict (namespace, id) do nothing;
    with before as (
        delete from memory_data.usage as u using unnest(p_records) as r
        where u.namespace = r.namespace and u.id = r.id and r.usage is not null
        returning u as row, r.usage as archived,
            jsonb_populate_record(null::memory_data.usage, r.usage) as a
    )
    insert into memory_data.usage
    select n.*
    from before as b
    cross join lateral jsonb_populate_record(b.row, b.archived || jsonb_build_object(
        'access_count', (b.row).access_count + coalesce((b.a).access_count, 0),
        'first_access', least((b.row).first_access, (b.a).first_access),
        'last_access', greatest((b.row).last_access, (b.a).last_access),
        'rating_sum', (b.row).rating_sum + coalesce((b.a).rating_sum, 0),
        'rating_count', (b.row).rating_count + coalesce((b.a).rating_count, 0),
        'context_relevance', coalesce((b.row).context_relevance, (b.a).context_relevance))) as n;

    insert into memory_data.revision
        (namespace, id, at, content, kind, metadata, importance, pinned)
    select r.namespace, r.id, e.at, e.content, e.kind, e.metadata, e.importance, e.pinned
    from unnest(p_records) as r
    cross join lateral jsonb_to_recordset(r.revisions) as e (
        at timestamptz, content text, kind text, metadata jsonb, importance real, pinned boolean)
    where memory._has_partition('revision', e.at)
        and not exists (
            select from memory_data.revision as v
            where v.namespace = r.namespace and v.id = r.id and v.at = e.at);

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

comment on function memory._put_records_back is
'Insert records that left their layers into them again, with usage, history and events.';
