-- Holds a memory and raises ML412 unless it is as one of the etags says ('*': as it is), for whoever
-- changes or forgets only what he has seen. Locks in the order of memory.forget, archive before layers.
create or replace function memory._require_match(
    p_namespace text, p_id uuid, p_if_match text[], p_now timestamptz
)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_found memory._memories;
    v_etag text;
begin
    -- edits come one after the other (memory.update_memory)
    perform pg_advisory_xact_lock(hashtextextended(p_namespace || ' ' || p_id, 1));
    perform memory._lock_archived(p_namespace, array[p_id]);
    loop
        select * into v_found from memory._find_memory(p_namespace, p_id, p_now);
        exit when memory._lock_records(v_found.layer, array[p_namespace], array[p_id]) = 1;
    end loop;
    v_etag := memory._etag(v_found.content, v_found.metadata, v_found.kind, v_found.importance,
                           v_found.pinned, v_found.language, v_found.expires_at);
    -- a tag that is null is none
    if (v_etag = any (p_if_match) or '*' = any (p_if_match)) is not true then
        raise exception 'memory % was changed meanwhile', p_id
            using errcode = 'ML412', detail = format('Its etag is %s.', v_etag),
                  hint = format('select * from memory.get(%L, %L);', p_namespace, p_id);
    end if;
end;
$function$;

comment on function memory._require_match is
'Hold a live memory; ML412 unless one of the etags is its, ML404 when there is none.';
