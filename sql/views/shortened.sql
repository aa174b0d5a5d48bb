-- Memories whose vector is of their beginning only, under the owner's rights.
create or replace view memory.shortened as
select
    f.namespace, f.id, f.shortened_to as characters,
    -- a provider may quote the text it refuses
    case when (select memory._sees_content()) then f.last_error end as reason
from memory_data.embedding_failure as f
where f.shortened_to is not null;

comment on view memory.shortened is
'One row a memory whose text was too long for the provider: its vector is of the first characters.';
comment on column memory.shortened.namespace is 'Whose it is.';
comment on column memory.shortened.id is 'The memory; memory.get() shows it.';
comment on column memory.shortened.characters is 'How much of its text the vector is made of.';
comment on column memory.shortened.reason is
'What the provider said to the longer text; null for analysts who see no content.';
