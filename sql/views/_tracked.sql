-- What eviction knows of every stored record, narrow: how it was used, from the row of usage when
-- there is one. The storing of a record is its first use. The caller's rights and row security
-- apply.
create or replace view memory._tracked with (security_invoker = on) as
select
    m.layer, m.namespace, m.id, m.kind, m.model, m.size, m.importance, m.pinned, m.expires_at,
    coalesce(u.past_uses, 0) + 1 + coalesce(u.access_count, 0) as uses,
    u.gap,
    coalesce(u.last_access, m.entered_at) as last_use,
    u.rating_sum,
    u.rating_count
from memory._memories as m
left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id;

comment on view memory._tracked is
'Private: every stored record with what eviction knows of it, under the caller''s rights.';
