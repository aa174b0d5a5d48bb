-- Every live memory without a vector, under the owner's rights: how often it was tried, why it failed.
create or replace view memory.unembedded as
select
    m.namespace, m.id, m.layer,
    coalesce(f.attempts, 0) as attempts,
    -- a provider may quote the text it refuses
    case when (select memory._sees_content()) then f.last_error end as last_error,
    nullif(f.next_attempt_at, 'infinity') as next_attempt_at,
    coalesce(f.next_attempt_at = 'infinity', false) as set_aside
from (
    select 'interact'::text as layer, i.namespace, i.id, i.embedding, i.expires_at from memory_data.interact as i
    union all
    select 'insights'::text, i.namespace, i.id, i.embedding, i.expires_at from memory_data.insights as i
    union all
    select 'assets'::text, a.namespace, a.id, a.embedding, a.expires_at from memory_data.assets as a
) as m
left join memory_data.embedding_failure as f on f.namespace = m.namespace and f.id = m.id
where m.embedding is null and m.expires_at > now();

comment on view memory.unembedded is
'One row a memory without a vector, found by its words: how often it was tried, why it failed, when next.';
comment on column memory.unembedded.namespace is 'Whose it is.';
comment on column memory.unembedded.id is 'The memory; memory.get() shows it.';
comment on column memory.unembedded.layer is 'Where it is.';
comment on column memory.unembedded.attempts is 'How often the provider could not embed its text.';
comment on column memory.unembedded.last_error is 'What the provider said last; null for analysts who see no content.';
comment on column memory.unembedded.next_attempt_at is
'When it is tried again; null: with the next batch, or never by itself (set_aside).';
comment on column memory.unembedded.set_aside is
'Not tried again by itself: select * from memory.retry_embeddings(); or edit it.';
