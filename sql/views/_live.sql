-- Every live memory with its use, under the owner's rights: what the public views are made of, so
-- that the role memory_analyst needs no access to the tables.
create or replace view memory._live as
select
    m.namespace, m.id, m.layer, m.kind, m.content, m.metadata, m.session, m.turn, m.language,
    m.importance, m.pinned, m.created_at, m.entered_at,
    nullif(m.expires_at, 'infinity') as expires_at,
    now() - m.created_at as age,
    m.size as bytes,
    m.embedding is not null as has_embedding,
    coalesce(u.access_count, 0) as access_count,
    u.first_access,
    u.last_access,
    u.rating_count,
    case when u.rating_count > 0 then u.rating_sum / u.rating_count end as rating
from (
    select 'interact'::text as layer, i.* from memory_data.interact as i
    union all
    select 'insights'::text, i.* from memory_data.insights as i
    union all
    select 'assets'::text, a.* from memory_data.assets as a
) as m
left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id
where m.expires_at > now();

comment on view memory._live is
'Private: one row for every live memory, under the owner''s rights.';
