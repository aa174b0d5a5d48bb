-- Puts records of a past instant back among the living, with id, times, vector, use and edits. What is there
-- stays: a record whose id or content lives is left alone, one whose time is up is not revived unless
-- it is pinned. A decision each.
-- A vector of another model than the one in use is left out; the service embeds it anew.
create or replace function memory.bring_back(
    p_namespace text, p_records jsonb, p_now timestamptz default now(), p_dry_run boolean default false
)
returns table (id uuid, layer text, outcome text)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_record record;
    v_brought integer := 0;
    v_expires_at timestamptz;
begin
    perform memory._check_namespace(p_namespace);
    -- writers of the same contents wait, so that none is stored twice meanwhile
    perform pg_advisory_xact_lock(hashtextextended(p_namespace, s.stripe))
    from (select generate_series(0, 63) as stripe order by 1) as s;
    for v_record in
        select r.value ->> 'layer' as layer, r.value -> 'row' as body, r.value -> 'usage' as usage,
            r.value -> 'revisions' as revisions
        from jsonb_array_elements(p_records) as r
    loop
        id := (v_record.body ->> 'id')::uuid;
        layer := v_record.layer;
        if v_record.body ->> 'namespace' is distinct from p_namespace then
            raise exception 'a record is of another namespace'
                using errcode = 'ML422', detail = format('Record %s, asked for namespace "%s".', id, p_namespace),
                      hint = 'magray restore --namespace NAME --to INSTANT';
        end if;
        v_expires_at := (v_record.body ->> 'expires_at')::timestamptz;
        if (v_record.body ->> 'pinned')::boolean then
            v_expires_at := memory._pinned_until(
                v_expires_at, (select l.ttl from memory_data.layer as l where l.name = v_record.layer), p_now);
        end if;
        if v_expires_at <= p_now then
            outcome := 'expired';
        elsif exists (
            select from memory._memories as m
            where m.namespace = p_namespace and m.id = (v_record.body ->> 'id')::uuid)
        then
            outcome := 'lives';
        elsif exists (
            select from memory._memories as m
            where m.namespace = p_namespace and (m.expires_at > p_now or m.pinned)
                and m.content_hash = (v_record.body ->> 'content_hash')::bytea)
        then
            outcome := 'same content lives';
        else
            outcome := 'brought back';
            v_brought := v_brought + 1;
        end if;
        if outcome = 'brought back' and not p_dry_run then
            perform memory._put_records_back(
                array[jsonb_populate_record(null::memory_data.archive_outbox, v_record.body || jsonb_build_object(
                    'layer', layer, 'expires_at', v_expires_at,
                    'usage', nullif(v_record.usage, 'null') - array['namespace', 'id'],
                    -- a dump of an older version has none
                    'revisions', coalesce(v_record.revisions, '[]'), 'events', jsonb '[]'))],
                p_now, true);
            insert into memory_data.decision (namespace, id, at, action, layer, kind, job_run, detail)
            values (p_namespace, id, p_now, 'restore', layer, v_record.body ->> 'kind', memory._job_run(),
                    jsonb_build_object('from', 'backup', 'entered_at', v_record.body -> 'entered_at'));
        end if;
        return next;
    end loop;
    if v_brought > 0 and not p_dry_run then
        perform memory._note_change(p_namespace, v_brought);
    end if;
end;
$function$;

comment on function memory.bring_back is
'Put records of a past instant back into the live layers; tells of each what became of it.';
