-- What an edit can change of a memory, as one short text: two that are the same have the same. Its use
-- and its place are left out, for reading it, rating it and moving it take nothing from whoever edits
-- it; and so is the end of a pinned one, which is given another life without being asked.
create or replace function memory._etag(
    p_content text, p_metadata jsonb, p_kind text, p_importance real, p_pinned boolean, p_language text,
    p_expires_at timestamptz
)
returns text
language sql
immutable
set search_path to pg_catalog, pg_temp
as $function$
select left(encode(sha256(convert_to(
    jsonb_build_array(p_content, p_metadata, p_kind, p_importance::text, p_pinned, p_language,
        case when not p_pinned then extract(epoch from p_expires_at)::text end)::text,
    'UTF8')), 'hex'), 32)
$function$;

comment on function memory._etag is 'A text that differs after every edit of a memory.';
