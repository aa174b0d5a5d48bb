-- What makes a memory the same memory: its kind, session, content and metadata.
create or replace function memory._content_hash(p_kind text, p_session text, p_content text, p_metadata jsonb)
returns bytea
language sql
stable
parallel safe
set search_path to pg_catalog, pg_temp
as $function$
select sha256(convert_to(jsonb_build_array(p_kind, p_session, p_content, p_metadata)::text, 'UTF8'))
$function$;

comment on function memory._content_hash is
'The hash by which a memory is recognised: of kind, session, content and metadata.';
