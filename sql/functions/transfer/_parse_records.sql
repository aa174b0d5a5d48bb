-- Turns a JSON array of exported memories into records as the archive has them, one each in their order,
-- every field checked; the first fault is raised with its place in the array. What a new memory has in
-- common with them is checked as there.
create or replace function memory._parse_records(p_records jsonb, p_now timestamptz)
returns setof memory_data.archive_outbox
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_item record;
    v_whole memory_data.archive_outbox;
    v_fault text;
    v_detail text;
    v_model record;
    v_vector halfvec;
    v_fits boolean;
    v_expires_at timestamptz;
    -- partitions of assets are years: none is made for those before there was any store
    v_first_entry constant timestamptz := timestamptz '2000-01-01 00:00:00+00';
begin
    select * into v_model from memory._active_model();
    for v_item in
        select p.ordinal as place, p.kind as of_kind, p.layer as of_layer, p.content_hash, e.item, r.*,
            p.language as of_language, l.ttl, l.partition_key,
            p_now + l.ttl + l.partitions_ahead * l.partition_step as horizon
        from memory._parse_memories((
            select jsonb_agg((
                select coalesce(jsonb_object_agg(f.key, f.value), '{}') from jsonb_each(a.item) as f
                where f.key in ('content', 'kind', 'metadata', 'session', 'importance', 'language', 'created_at')
                    and f.value <> 'null') order by a.place)
            from jsonb_array_elements(p_records) with ordinality as a (item, place)), p_now) as p
        join jsonb_array_elements(p_records) with ordinality as e (item, place) on e.place = p.ordinal
        cross join lateral jsonb_to_record(e.item) as r (
            id uuid, layer text, kind text, content text, session text, metadata jsonb, turn integer,
            pinned boolean, importance real, created_at timestamptz, entered_at timestamptz,
            expires_at timestamptz, remembered_as text, bytes integer, model text, embedding jsonb,
            usage jsonb, revisions jsonb, events jsonb, decisions jsonb)
        left join memory_data.layer as l on l.name = p.layer
        order by p.ordinal
    loop
        v_expires_at := coalesce(v_item.expires_at, 'infinity');
        if v_item.pinned and v_expires_at <= p_now then
            v_expires_at := memory._pinned_until(v_expires_at, v_item.ttl, p_now);
        end if;
        v_fault := null;
        v_vector := null;
        if jsonb_typeof(v_item.embedding) = 'array' and jsonb_array_length(v_item.embedding) between 1 and 4000
            -- what 16 bits can hold; its cast would fail without the place
            and not jsonb_path_exists(v_item.embedding, '$[*] ? (@.type() != "number" || @.abs() > 65504)')
        then
            v_vector := v_item.embedding::text::halfvec;
        end if;
        v_fits := v_item.model = v_model.name and vector_dims(v_vector) = v_model.dim;
        if v_item.embedding is not null and v_vector is null then
            v_fault := 'embedding is no vector';
            v_detail := 'Wanted: a list of 1 to 4000 numbers, none beyond 65504.';
        elsif v_item.id is null or v_item.kind is null or v_item.created_at is null or v_item.entered_at is null then
            v_fault := format('%s is missing', case when v_item.id is null then 'id' when v_item.kind is null
                                                    then 'kind' when v_item.created_at is null then 'created_at'
                                                    else 'entered_at' end);
            v_detail := 'An exported memory has an id, a kind, and the times it was created and entered its layer.';
        elsif v_item.layer is distinct from v_item.of_layer then
            v_fault := format('layer "%s" does not hold kind "%s"', v_item.layer, v_item.kind);
            v_detail := format('It belongs to layer %s here.', v_item.of_layer);
        elsif v_item.turn < 0 then
            v_fault := 'turn is below 0';
            v_detail := format('Given: %s.', v_item.turn);
        elsif v_item.bytes < 0 then
            v_fault := 'bytes is below 0';
            v_detail := format('Given: %s.', v_item.bytes);
        elsif not isfinite(v_item.entered_at) or v_item.entered_at not between v_first_entry and p_now + interval '1 day'
        then
            v_fault := 'entered_at is no time a memory can have entered at';
            v_detail := format('Given: %s; from %s to now, %s.', v_item.entered_at, v_first_entry, p_now);
        elsif v_item.partition_key = 'expires_at' and v_expires_at > v_item.horizon then
            v_fault := format('expires_at lies further than layer %s holds a memory', v_item.layer);
            v_detail := format('Given: %s; layer %s reaches to %s.',
                               coalesce(v_item.expires_at::text, 'never'), v_item.layer, v_item.horizon);
        elsif l2_norm(v_vector) = 0 then
            v_fault := 'embedding has no direction';
            v_detail := 'All its numbers are 0.';
        else
            select format('%s is not %s', f.name, f.said), format('It is of type %s.', jsonb_typeof(f.value))
            into v_fault, v_detail
            from (values ('usage', v_item.usage, 'object'), ('revisions', v_item.revisions, 'array'),
                         ('events', v_item.events, 'array'), ('decisions', v_item.decisions, 'array'))
                as f (name, value, said)
            where jsonb_typeof(f.value) <> f.said
            limit 1;
        end if;
        if v_fault is not null then
            raise exception 'memory %: %', v_item.place, v_fault
                using errcode = 'ML422', detail = v_detail,
                      hint = 'Nothing of the batch was stored; mend memory '
                             || v_item.place || ' and send it again.';
        end if;

        v_whole := jsonb_populate_record(null::memory_data.archive_outbox, jsonb_build_object(
            'id', v_item.id, 'layer', v_item.layer, 'kind', v_item.kind, 'content', v_item.content,
            'language', v_item.of_language, 'metadata', coalesce(v_item.metadata, '{}'), 'session', v_item.session,
            'turn', coalesce(v_item.turn, 0), 'importance', coalesce(v_item.importance, 0.5),
            'pinned', coalesce(v_item.pinned, false), 'created_at', v_item.created_at,
            'entered_at', v_item.entered_at, 'expires_at', v_expires_at, 'size', v_item.bytes,
            'usage', v_item.usage, 'revisions', coalesce(v_item.revisions, '[]'),
            'events', coalesce(v_item.events, '[]'),
            -- null: the vector is of another model
            'model', case when v_fits then v_model.model_id end));
        v_whole.embedding := v_vector;
        -- a memory that was promoted is recognised by the kind it was remembered as
        v_whole.content_hash := case
            when v_item.remembered_as is null then v_item.content_hash
            else memory._content_hash(v_item.remembered_as, v_item.session, v_item.content,
                                      coalesce(v_item.metadata, '{}')) end;
        return next v_whole;
    end loop;
end;
$function$;

comment on function memory._parse_records is
'A JSON array of exported memories as checked records; ML422 with the place of the first fault.';
