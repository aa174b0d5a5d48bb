-- What analysts read first; what memories say is shown to whom memory._sees_content.
create or replace view memory.records as
select
    namespace, id, layer, kind,
    case when (select memory._sees_content()) then content end as content, -- noqa: RF04
    case when (select memory._sees_content()) then metadata end as metadata,
    session, turn, language, importance, pinned, created_at, entered_at, expires_at, age, bytes,
    has_embedding, access_count, first_access, last_access, rating_count, rating
from memory._live;

comment on view memory.records is
'One row for every live memory: where it is, how old and how big it is, how often it was used.';
comment on column memory.records.bytes is 'Bytes of content, vector, words and metadata.';
comment on column memory.records.expires_at is 'When it stops being returned; null: never.';
comment on column memory.records.namespace is 'Whose it is.';
comment on column memory.records.id is 'The memory.';
comment on column memory.records.layer is 'interact, insights or assets.';
comment on column memory.records.kind is 'Its kind.';
comment on column memory.records.content is 'What it says; null: this role is not shown it.';
comment on column memory.records.metadata is 'What its app noted with it; null: this role is not shown it.';
comment on column memory.records.session is 'The session it was said in; null: in none.';
comment on column memory.records.turn is 'Its place in the session, from 1; 0 without a session.';
comment on column memory.records.language is 'Of its words.';
comment on column memory.records.importance is 'The hint of who stored it, 0 to 1.';
comment on column memory.records.pinned is 'Whether it neither expires nor is evicted.';
comment on column memory.records.created_at is 'When it came about.';
comment on column memory.records.entered_at is 'When it entered its layer.';
comment on column memory.records.age is 'Since it came about.';
comment on column memory.records.has_embedding is 'Whether it has a vector yet.';
comment on column memory.records.access_count is 'How often it was used.';
comment on column memory.records.first_access is 'When it was used first; null: never.';
comment on column memory.records.last_access is 'When it was used last; null: never.';
comment on column memory.records.rating_count is 'How often it was rated; null: neither used nor rated.';
comment on column memory.records.rating is 'Mean of its ratings, 1 to 5; null: nobody rated it.';
