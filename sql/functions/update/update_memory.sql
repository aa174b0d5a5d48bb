-- Edit a memory in place: content, metadata, importance, pinned, kind (of the same layer), ttl
-- (counted from now; null: the layer's own; a pinned memory takes none). metadata is a merge patch (RFC
-- 7396), so that two who change different keys at once lose nothing; replace_metadata is what it says.
-- With p_if_match only one that is as the caller saw it. One that another live memory would be equal to
-- is refused, for every search would find it twice. What it was is kept as a revision. New words are
-- searchable at once, and the vector is made anew when the text changed.
create or replace function memory.update_memory(
    p_namespace text, p_id uuid, p_changes jsonb, p_now timestamptz default now(),
    p_if_match text[] default null
)
returns table (id uuid, layer text, kind text, expires_at timestamptz, has_embedding boolean, etag text)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_old memory._memories;
    v_new record;
    v_unknown text;
    v_metadata jsonb;
    v_retext boolean;
    v_hash bytea;
    v_expires_at timestamptz;
    v_twin uuid;
    v_fault text;
    v_detail text;
begin
    if coalesce(jsonb_typeof(p_changes), 'null') <> 'object' then
        raise exception 'changes are not an object'
            using errcode = 'ML422',
                  detail = format('They are of type %s.', coalesce(jsonb_typeof(p_changes), 'null')),
                  hint = 'Example: {"importance": 0.9, "pinned": true}';
    end if;
    select f.key into v_unknown from jsonb_object_keys(p_changes) as f (key)
    where f.key not in (
        'content', 'metadata', 'replace_metadata', 'importance', 'pinned', 'kind', 'ttl', 'language')
    limit 1;
    if found then
        raise exception 'field "%" cannot be changed', v_unknown
            using errcode = 'ML422',
                  detail = 'Changeable: content, metadata, replace_metadata, importance, pinned, kind, ttl, language.',
                  hint = 'Forget the memory and remember it anew.';
    end if;
    if p_changes ->> 'replace_metadata' is not null and p_changes ->> 'metadata' is not null then
        raise exception 'metadata is merged or replaced, not both'
            using errcode = 'ML422', detail = 'Given: metadata and replace_metadata.',
                  hint = 'Leave out one of them.';
    end if;
    if p_if_match is not null then
        perform memory._require_match(p_namespace, p_id, p_if_match, p_now);
    end if;
    -- Two edits at once come one after the other, the later one with a snapshot of its own: each
    -- writes every column, and would undo the other's.
    perform pg_advisory_xact_lock(hashtextextended(p_namespace || ' ' || p_id, 1));
    -- The row is held before anything is made of it; one that is promoted meanwhile is looked for again,
    -- one layer further, and one that is forgotten is ML404.
    loop
        select * into v_old from memory._find_memory(p_namespace, p_id, p_now);
        exit when memory._lock_records(v_old.layer, array[p_namespace], array[p_id]) = 1;
    end loop;

    v_metadata := case
        when p_changes ->> 'replace_metadata' is not null then p_changes -> 'replace_metadata'
        when p_changes ->> 'metadata' is not null
            then memory._merge_patch(v_old.metadata, p_changes -> 'metadata')
        else v_old.metadata end;
    -- Checked as a new memory would be, with what is not named taken from the old one.
    begin
        select p.* into v_new
        from memory._parse_memories(
            jsonb_build_array(jsonb_build_object(
                'content', v_old.content, 'metadata', v_old.metadata, 'kind', v_old.kind,
                'session', v_old.session, 'importance', v_old.importance, 'pinned', v_old.pinned,
                -- detected anew for a new text, unless it was given
                'language', case when not p_changes ? 'content'
                                     or v_old.language <> memory._detect_language(v_old.content)
                                 then v_old.language end)
                || p_changes - 'replace_metadata'
                || jsonb_build_object('metadata', v_metadata)),
            p_now) as p;
    exception when sqlstate 'ML422' then
        -- said of a batch of one, of which nobody sent any
        get stacked diagnostics v_fault = message_text, v_detail = pg_exception_detail;
        raise exception '%', regexp_replace(v_fault, '^memory 1: ', '')
            using errcode = 'ML422', detail = v_detail,
                  hint = 'The memory is as it was; mend the edit and send it again.';
    end;
    if v_new.pinned and p_changes ->> 'ttl' is not null then
        raise exception 'a pinned memory takes no ttl'
            using errcode = 'ML422', detail = 'Pinned it never expires, so that the ttl would be nobody''s.',
                  hint = 'Send "pinned": false with the ttl, or leave one of the two out.';
    end if;
    if v_new.layer <> v_old.layer then
        raise exception 'kind "%" belongs to layer %', v_new.kind, v_new.layer
            using errcode = 'ML422',
                  detail = format('The memory is in layer %s; memories change layers by promotion.', v_old.layer),
                  hint = format('select kinds from memory.layers where layer = %L;', v_old.layer);
    end if;

    -- What is said stays recognised as it was remembered: a promoted memory keeps the kind of then in it.
    v_hash := v_old.content_hash;
    if (v_new.content, v_new.metadata, v_new.kind) is distinct from (v_old.content, v_old.metadata, v_old.kind)
    then
        v_hash := v_new.content_hash;
        -- writers of the same content wait (memory._store)
        perform pg_advisory_xact_lock(hashtextextended(p_namespace, memory._content_stripe(v_new.content)));
        select m.id into v_twin
        from memory._memories as m
        where m.namespace = p_namespace and m.content_hash = v_hash and m.id <> p_id
            and (m.expires_at > p_now or m.pinned)
        limit 1;
        if found then
            raise exception 'the same memory is there already'
                using errcode = 'ML409',
                      detail = format('Memory %s has this kind, session, content and metadata.', v_twin),
                      hint = format('select * from memory.get(%L, %L);', p_namespace, v_twin);
        end if;
    end if;
    v_expires_at := case when p_changes ? 'ttl' then v_new.expires_at else v_old.expires_at end;
    if v_new.pinned then
        v_expires_at := memory._pinned_until(
            v_expires_at, (select l.ttl from memory_data.layer as l where l.name = v_old.layer), p_now);
    end if;

    if v_expires_at <> v_old.expires_at then
        perform memory._set_expiry(v_old.layer, array[p_namespace], array[p_id], v_expires_at);
    end if;

    v_retext := memory._text_to_embed(v_old.content, v_old.metadata)
                is distinct from memory._text_to_embed(v_new.content, v_new.metadata);
    return query execute format(
        'update memory_data.%I as m set content = $3, metadata = $4, importance = $5, pinned = $6, '
        'kind = $7, language = $8, content_hash = $9, search = $10, '
        'embedding = case when $11 then null else m.embedding end, '
        'model = case when $11 then null else m.model end, '
        'size = octet_length($3) + pg_column_size($10) + pg_column_size($4) '
        '       + case when $11 then 0 else coalesce(pg_column_size(m.embedding), 0) end '
        'where m.namespace = $1 and m.id = $2 '
        'returning m.id, %L, m.kind, nullif(m.expires_at, ''infinity''), m.embedding is not null, '
        '  memory._etag(m.content, m.metadata, m.kind, m.importance, m.pinned, m.language, m.expires_at)',
        v_old.layer, v_old.layer)
    using p_namespace, p_id, v_new.content, v_new.metadata, v_new.importance, v_new.pinned,
        v_new.kind, v_new.language, v_hash,
        memory._search_vector(v_new.language, v_new.content, v_new.metadata), v_retext;
    if v_retext then
        -- what was said of the old words does not hold for the new ones
        delete from memory_data.embedding_failure as f where f.namespace = p_namespace and f.id = p_id;
    end if;
    insert into memory_data.revision (namespace, id, at, content, kind, metadata, importance, pinned)
    values (p_namespace, p_id, p_now, v_old.content, v_old.kind, v_old.metadata, v_old.importance,
            v_old.pinned);
    if p_changes ? 'ttl' then
        perform memory._extend_search_reach(
            jsonb_build_array(jsonb_build_object('layer', v_new.layer, 'expires_at', v_expires_at)),
            p_now);
    end if;
    perform memory._note_change(
        p_namespace, 0, array[v_old.layer],
        array[case when v_old.layer = 'assets' then v_old.entered_at else v_expires_at end]);
end;
$function$;

comment on function memory.update_memory is
'Edit a live memory; returns it as it is now, and keeps what it was in its history. metadata is merged '
'(RFC 7396: null removes a key), replace_metadata replaces it. p_if_match: only if its etag is one of these.';
