-- The three layers as one table, for the functions: the caller's rights and row security apply.
create or replace view memory._memories with (security_invoker = on) as
select
    'interact'::text as layer, namespace, id, kind, content, content_hash, embedding, model, search,
    language, metadata, session, turn, importance, pinned, created_at, entered_at, expires_at, size
from memory_data.interact
union all
select
    'insights'::text, namespace, id, kind, content, content_hash, embedding, model, search,
    language, metadata, session, turn, importance, pinned, created_at, entered_at, expires_at, size
from memory_data.insights
union all
select
    'assets'::text, namespace, id, kind, content, content_hash, embedding, model, search,
    language, metadata, session, turn, importance, pinned, created_at, entered_at, expires_at, size
from memory_data.assets;

comment on view memory._memories is
'Private: every stored row of the three layers, expired ones too, under the caller''s rights.';
