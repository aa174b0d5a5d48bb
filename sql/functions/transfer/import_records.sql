-- Puts memories of an export (memory.export_memories) into a namespace, as they were: id, layer, times,
-- use, edits, uses and decisions. All of the batch or nothing; whatever namespace a record names, it
-- goes into p_namespace. A second time nothing is changed.
--
-- outcome: stored; known (the id is there with this content); archived (the id lies in the archive);
-- same content (it is there under another id, `twin`); expired (its time is up, or is up here). An id
-- that is there with other content, or a field that does not fit, is a fault: ML409 or ML422 with the
-- place of the record. The content's hash lets a dry run of many batches see which share a content.
--
-- A vector of another model than the one in use is left out; the service embeds the text anew. The
-- partitions old assets and old history need are made, so this is the owner's.
create or replace function memory.import_records(
    p_namespace text, p_records jsonb, p_now timestamptz default now()
)
returns table (
    ordinal integer, id uuid, layer text, kind text, pinned boolean, expires_at timestamptz,
    has_embedding boolean, outcome text, twin uuid, content_hash bytea
)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_count integer := case when jsonb_typeof(p_records) = 'array' then jsonb_array_length(p_records) else 0 end;
    v_whole memory_data.archive_outbox[];
    v_record memory_data.archive_outbox;
    v_old record;
    -- of those that are new here: places in the batch, ids, hashes
    v_places integer[] := '{}'::integer[];
    v_ids uuid[] := '{}'::uuid[];
    v_hashes bytea[] := '{}'::bytea[];
    v_answer jsonb := '[]'::jsonb;
    v_outcome text;
    v_twin uuid;
    v_has_embedding boolean;
begin
    perform memory._check_namespace(p_namespace);
    if v_count not between 1 and 1000 then
        raise exception 'a batch has 1 to 1000 records'
            using errcode = 'ML422', detail = format('Given: %s.', v_count),
                  hint = 'Send a larger batch in parts.';
    end if;
    perform memory._check_fields(p_records, true);
    perform memory._check_history(p_records, p_now);
    -- writers of the same contents wait, so that none is stored twice meanwhile
    perform pg_advisory_xact_lock(hashtextextended(p_namespace, s.stripe))
    from (select generate_series(0, 63) as stripe order by 1) as s;

    v_whole := array(select p from memory._parse_records(p_records, p_now) as p);
    for v_place in 1..v_count loop
        v_record := v_whole[v_place];
        v_outcome := 'stored';
        v_twin := null;
        v_has_embedding := v_record.model is not null;

        -- what is there by this id: in a layer, or before it in the batch
        select f.session, f.content, f.metadata, f.has_embedding, f.past into v_old
        from (
            select m.session, m.content, m.metadata, m.embedding is not null as has_embedding,
                m.expires_at <= p_now and not m.pinned as past
            from memory._memories as m
            where m.namespace = p_namespace and m.id = v_record.id
            union all
            select w.session, w.content, w.metadata, w.model is not null, false
            from (select v_whole[v_places[array_position(v_ids, v_record.id)]] as one) as n
            cross join lateral (select (n.one).*) as w
            where v_record.id = any (v_ids)) as f
        order by f.past
        limit 1;
        if found and v_old.past then
            v_outcome := 'expired';
        elsif found and (v_old.session, v_old.content, v_old.metadata)
              is distinct from (v_record.session, v_record.content, v_record.metadata)
        then
            raise exception 'memory %: id % is another memory here', v_place, v_record.id
                using errcode = 'ML409',
                      detail = format('Namespace "%s" has it with another session, content or metadata: "%s".',
                                      p_namespace, left(v_old.content, 100)),
                      hint = format('select * from memory.get(%L, %L);', p_namespace, v_record.id);
        elsif found then
            v_outcome := 'known';
            v_has_embedding := v_old.has_embedding;
        elsif v_record.expires_at <= p_now then
            v_outcome := 'expired';
        elsif exists (select from memory_data.archive_outbox as o
                      where o.namespace = p_namespace and o.id = v_record.id)
              or exists (select from memory_data.archived as i
                         where i.namespace = p_namespace and i.id = v_record.id and i.restored_at is null)
        then
            v_outcome := 'archived';
        else
            v_twin := coalesce(
                v_ids[array_position(v_hashes, v_record.content_hash)],
                (select m.id from memory._memories as m
                 where m.namespace = p_namespace and m.content_hash = v_record.content_hash
                     and (m.expires_at > p_now or m.pinned)
                 limit 1));
            if v_twin is not null then
                v_outcome := 'same content';
            else
                v_places := v_places || v_place;
                v_ids := v_ids || v_record.id;
                v_hashes := v_hashes || v_record.content_hash;
            end if;
        end if;
        v_answer := v_answer || jsonb_build_object(
            'ordinal', v_place, 'id', v_record.id, 'layer', v_record.layer, 'kind', v_record.kind,
            'pinned', v_record.pinned, 'expires_at', nullif(v_record.expires_at, 'infinity'),
            'has_embedding', v_has_embedding, 'outcome', v_outcome, 'twin', v_twin,
            'content_hash', v_record.content_hash);
    end loop;

    perform memory._store_imported(
        p_namespace, (select array_agg(v_whole[p.place]) from unnest(v_places) as p (place)), p_records, p_now);
    return query
    select r.* from jsonb_to_recordset(v_answer) as r (
        ordinal integer, id uuid, layer text, kind text, pinned boolean, expires_at timestamptz,
        has_embedding boolean, outcome text, twin uuid, content_hash bytea)
    order by r.ordinal;
end;
$function$;

comment on function memory.import_records is
'Put exported memories into a namespace as they were; outcome stored, known, archived, same content or expired.';
