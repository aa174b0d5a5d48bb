-- Turns a JSON array of memories into rows and checks every field; the first fault is raised with
-- its place in the array. Nothing is written here.
create or replace function memory._parse_memories(p_memories jsonb, p_now timestamptz)
returns table (
    ordinal integer, kind text, layer text, content text, content_hash bytea, language text,
    metadata jsonb, session text, importance real, pinned boolean, created_at timestamptz,
    expires_at timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_memory record;
    v_fault text;
    v_detail text;
    v_ttl interval;
    v_calendar_start constant timestamptz := timestamptz '0001-01-01 00:00:00+00';
    v_calendar_end constant timestamptz := timestamptz '9999-12-31 00:00:00+00';
    v_max_chars integer := memory._setting('max_content_chars')::integer;
begin
    perform memory._check_fields(p_memories);
    for v_memory in
        select e.place, r.*, l.name as layer_name, l.ttl as layer_ttl,
               -- a step less than is made ahead: the job that makes partitions may be late
               p_now + l.ttl + (l.partitions_ahead - 1) * l.partition_step as horizon
        from jsonb_array_elements(p_memories) with ordinality as e (item, place)
        cross join lateral jsonb_to_record(e.item) as r (
            kind text, content text, language text, metadata jsonb, session text, importance real,
            pinned boolean, created_at timestamptz, ttl interval)
        left join memory_data.kind as k on k.name = coalesce(r.kind, 'user_interaction')
        left join memory_data.layer as l on l.name = k.layer
        order by e.place
    loop
        ordinal := v_memory.place;
        kind := coalesce(v_memory.kind, 'user_interaction');
        layer := v_memory.layer_name;
        content := v_memory.content;
        metadata := coalesce(v_memory.metadata, '{}');
        session := v_memory.session;
        importance := coalesce(v_memory.importance, 0.5);
        pinned := coalesce(v_memory.pinned, false);
        created_at := coalesce(v_memory.created_at, p_now);
        v_ttl := v_memory.ttl;
        expires_at := case when v_ttl < interval '10000 years' or v_ttl is null
                           then coalesce(p_now + coalesce(v_ttl, v_memory.layer_ttl), 'infinity')
                           else 'infinity' end;
        -- beyond the calendar of most programs, which could not read the row: never
        expires_at := case when expires_at >= v_calendar_end then 'infinity' else expires_at end;
        if pinned then
            expires_at := memory._pinned_until(expires_at, v_memory.layer_ttl, p_now);
        end if;

        v_fault := null;
        if layer is null then
            v_fault := format('kind "%s" is not known', kind);
            v_detail := (select 'Known: ' || string_agg(k.name, ', ' order by k.name)
                         from memory_data.kind as k);
        elsif content is null or content !~ '\S' then
            v_fault := 'content is empty';
            v_detail := 'A memory needs text.';
        elsif length(content) > v_max_chars then
            v_fault := 'content is too long';
            v_detail := format('%s characters, at most %s are allowed.', length(content), v_max_chars);
        elsif jsonb_typeof(metadata) <> 'object' then
            v_fault := 'metadata is not an object';
            v_detail := format('It is of type %s.', jsonb_typeof(metadata));
        elsif greatest(length(memory._speaker(metadata)), length(memory._spoken_date(metadata)))
              > v_max_chars then
            -- they are indexed with the content; more words than this no index of PostgreSQL takes
            v_fault := 'speaker or date of metadata is too long';
            v_detail := format('At most %s characters are allowed.', v_max_chars);
        elsif importance not between 0 and 1 then
            v_fault := 'importance is outside 0..1';
            v_detail := format('Given: %s.', importance);
        elsif length(session) not between 1 and 200 then
            v_fault := 'session has not 1 to 200 characters';
            v_detail := format('Given: %s characters.', length(session));
        elsif created_at < v_calendar_start then
            v_fault := 'created_at lies before the year 1';
            v_detail := format('Given: %s.', created_at);
        elsif not isfinite(created_at) or created_at > p_now + interval '1 day' then
            v_fault := 'created_at lies in the future';
            v_detail := format('Given: %s, now: %s.', created_at, p_now);
        elsif v_ttl <= interval '0' then
            v_fault := 'ttl is not positive';
            v_detail := format('Given: %s.', v_ttl);
        elsif v_ttl is not null and expires_at > v_memory.horizon then
            v_fault := format('ttl is longer than layer %s holds a memory', layer);
            v_detail := format('Given: %s; layer %s reaches to %s, and only layers that are permanent further.',
                               v_ttl, layer, v_memory.horizon);
        elsif v_memory.language is not null and not exists (
            select from pg_ts_config as c
            where c.cfgname = lower(v_memory.language)
                and c.cfgnamespace = 'pg_catalog'::regnamespace) then
            v_fault := format('language "%s" is not known', v_memory.language);
            v_detail := (select 'Known: ' || string_agg(c.cfgname, ', ' order by c.cfgname)
                         from pg_ts_config as c
                         where c.cfgnamespace = 'pg_catalog'::regnamespace);
        end if;
        if v_fault is not null then
            raise exception 'memory %: %', ordinal, v_fault
                using errcode = 'ML422', detail = v_detail,
                      hint = 'Nothing of the batch was stored; mend memory '
                             || ordinal || ' and send it again.';
        end if;

        language := coalesce(lower(v_memory.language), memory._detect_language(content));
        content_hash := memory._content_hash(kind, session, content, metadata);
        return next;
    end loop;
end;
$function$;

comment on function memory._parse_memories is
'A JSON array of memories as checked rows; ML422 with the place of the first fault.';
