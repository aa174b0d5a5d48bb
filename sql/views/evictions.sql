-- Every eviction, under the owner's rights: what went, when, and the numbers that decided it.
create or replace view memory.evictions as
select
    d.at, d.namespace, d.id, d.layer, d.kind, d.action,
    d.score as worth,
    (d.criteria -> 'importance' ->> 'value')::double precision as importance,
    (d.criteria -> 'recency' ->> 'value')::double precision as recency,
    (d.criteria -> 'size' ->> 'value')::bigint as bytes,
    (d.detail ->> 'uses')::integer as uses,
    (d.detail ->> 'last_use')::timestamptz as last_use,
    d.actor
from memory_data.decision as d
where d.detail ->> 'reason' = 'evict';

comment on view memory.evictions is
'One row a record that made room: when, from which layer, with what worth, deleted or archived.';
comment on column memory.evictions.worth is 'importance * recency / bytes; the lowest go first.';
comment on column memory.evictions.action is 'evict: deleted; archive: moved to the archive.';
comment on column memory.evictions.at is 'When it went.';
comment on column memory.evictions.namespace is 'Of which namespace.';
comment on column memory.evictions.id is 'The memory.';
comment on column memory.evictions.layer is 'The layer it left.';
comment on column memory.evictions.kind is 'The kind it had.';
comment on column memory.evictions.importance is 'Uses to expect an hour of keeping it, had it been used just now.';
comment on column memory.evictions.recency is 'The share of that which was left after it lay idle.';
comment on column memory.evictions.bytes is 'What it took.';
comment on column memory.evictions.uses is 'How often it was used, the storing of it among them.';
comment on column memory.evictions.last_use is 'When it was used last.';
comment on column memory.evictions.actor is 'Who made room: key NAME (over HTTP), job NAME or login NAME.';
