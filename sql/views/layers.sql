-- One row a layer: policy beside what is in it. How full it is, is memory.measure_pressure's word.
create or replace view memory.layers as
select
    l.name as layer,
    l.ttl,
    l.max_bytes,
    l.eviction_policy,
    l.promotion_threshold,
    l.next_layer,
    k.kinds,
    coalesce(r.memories, 0) as memories,
    coalesce(r.namespaces, 0) as namespaces,
    coalesce(r.pinned, 0) as pinned,
    coalesce(r.bytes, 0) as bytes,
    s.partitions,
    s.disk_bytes,
    s.live_bytes,
    s.budget_bytes,
    s.usage_percent as used_percent,
    s.level,
    r.oldest,
    r.newest,
    coalesce(r.accesses, 0) as accesses,
    coalesce(r.without_embedding, 0) as without_embedding
from memory_data.layer as l
left join (
    select layer, array_agg(name order by name) as kinds
    from memory_data.kind
    group by layer
) as k on k.layer = l.name
left join (
    select
        layer, count(*) as memories, count(distinct namespace) as namespaces,
        count(*) filter (where pinned) as pinned, sum(bytes) as bytes,
        min(created_at) as oldest, max(created_at) as newest, sum(access_count) as accesses,
        count(*) filter (where not has_embedding) as without_embedding
    from memory._live
    group by layer
) as r on r.layer = l.name
left join memory._layer_usage() as s on s.layer = l.name
order by l.position;

comment on view memory.layers is
'One row a layer: its policy, how many memories it holds, how old, how big, how often used.';
comment on column memory.layers.kinds is 'Kinds of record that are remembered in it.';
comment on column memory.layers.bytes is 'Bytes of the memories themselves.';
comment on column memory.layers.disk_bytes is
'Bytes on disk: heap, indexes and TOAST, with what is free in them and what an empty layer takes.';
comment on column memory.layers.live_bytes is
'Bytes on disk in use: of memories, their index entries and TOAST. What usage counts.';
comment on column memory.layers.budget_bytes is 'What it may use: max_bytes and what it borrowed.';
comment on column memory.layers.used_percent is
'live_bytes of budget_bytes, in percent; the KPI usage is the same.';
comment on column memory.layers.level is 'Pressure by used_percent: low, medium or high.';
comment on column memory.layers.layer is 'Its name.';
comment on column memory.layers.ttl is 'How long a memory lives in it; null: permanently.';
comment on column memory.layers.max_bytes is 'Its budget.';
comment on column memory.layers.eviction_policy is 'lru_with_importance, importance_based or manual.';
comment on column memory.layers.promotion_threshold is
'The ML score that moves a memory on; null: nothing is above it.';
comment on column memory.layers.next_layer is 'Where its memories are promoted to; null: nowhere.';
comment on column memory.layers.memories is 'Live memories.';
comment on column memory.layers.namespaces is 'Namespaces with a live memory in it.';
comment on column memory.layers.pinned is 'Live memories that are pinned.';
comment on column memory.layers.partitions is 'Its partitions, empty ones too.';
comment on column memory.layers.oldest is 'When its oldest live memory was created.';
comment on column memory.layers.newest is 'When its newest live memory was created.';
comment on column memory.layers.accesses is 'How often its live memories were used.';
comment on column memory.layers.without_embedding is 'Live memories that wait for a vector.';
