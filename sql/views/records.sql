-- What analysts read first.
create or replace view memory.records as
select
    namespace, id, layer, kind, content, metadata, session, turn, language, importance, pinned,
    created_at, entered_at, expires_at, age, bytes, has_embedding, access_count, first_access,
    last_access, rating_count, rating
from memory._live;

comment on view memory.records is
'One row for every live memory: where it is, how old and how big it is, how often it was used.';
comment on column memory.records.bytes is 'Bytes of content, vector, words and metadata.';
comment on column memory.records.expires_at is 'When it stops being returned; null: never.';
