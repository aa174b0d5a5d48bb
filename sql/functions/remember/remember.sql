-- Store one memory: the form people type. Everything else about it is memory.remember_many's.
create or replace function memory.remember(
    p_namespace text,
    p_content text,
    p_embedding halfvec default null,
    p_kind text default 'user_interaction',
    p_metadata jsonb default '{}',
    p_session text default null,
    p_importance real default null,
    p_pinned boolean default false,
    p_ttl interval default null,
    p_language text default null,
    p_created_at timestamptz default null,
    p_idempotency_key text default null,
    p_now timestamptz default now()
)
returns table (
    id uuid, created boolean, layer text, kind text, created_at timestamptz,
    expires_at timestamptz, has_embedding boolean
)
language sql
set search_path to pg_catalog, public, pg_temp
as $function$
select r.id, r.created, r.layer, r.kind, r.created_at, r.expires_at, r.has_embedding
from memory.remember_many(
    p_namespace,
    jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'content', p_content, 'kind', p_kind, 'session', p_session, 'importance', p_importance,
        'pinned', p_pinned, 'ttl', p_ttl, 'language', p_language, 'created_at', p_created_at))
        -- apart, for nulls inside metadata are the caller's
        || jsonb_build_object('metadata', p_metadata)),
    case when p_embedding is not null then array[p_embedding] end,
    p_idempotency_key,
    p_now) as r
$function$;

comment on function memory.remember is
'Store one memory; returns its id, layer and expiry, created = false when it was there already.';
