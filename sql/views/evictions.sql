-- Every eviction, under the owner's rights: what went, when, and the numbers that decided it.
create or replace view memory.evictions as
select
    d.at, d.namespace, d.id, d.layer, d.kind, d.action,
    d.score as worth,
    (d.criteria -> 'importance' ->> 'value')::double precision as importance,
    (d.criteria -> 'recency' ->> 'value')::double precision as recency,
    (d.criteria -> 'size' ->> 'value')::bigint as bytes,
    (d.detail ->> 'uses')::integer as uses,
    (d.detail ->> 'last_use')::timestamptz as last_use
from memory_data.decision as d
where d.detail ->> 'reason' = 'evict';

comment on view memory.evictions is
'One row a record that made room: when, from which layer, with what worth, deleted or archived.';
comment on column memory.evictions.worth is 'importance * recency / bytes; the lowest go first.';
comment on column memory.evictions.action is 'evict: deleted; archive: moved to the archive.';
