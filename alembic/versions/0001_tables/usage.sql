-- What is done with memories: uses, changes, questions asked.

create table memory_data.usage (
    namespace text not null,
    id uuid not null,
    first_access timestamptz,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    context_relevance real,
    -- uses before it was evicted and came back, the storing of it among them
    past_uses integer not null default 0,
    -- failing criteria when the record was last judged, as bits: memory._criterion_bits
    verdict smallint,
    -- What a use changes, together at the end: an update logs what lies between the first and the last
    -- byte it changes, 376 bytes of WAL a use instead of 389 with the count near the beginning.
    access_count integer not null default 0,
    last_access timestamptz,
    -- seconds between its uses, the newer ones weighing more; null: not used since it was stored
    gap real,
    primary key (namespace, id)
) with (fillfactor = 70);
comment on table memory_data.usage is
'One narrow row for a record that was used or rated; apart from the vectors: counting is cheap.';

create table memory_data.access_event (
    namespace text not null,
    id uuid not null,
    at timestamptz not null,
    session text,
    -- search: returned by one; get: read by id; touch: named by the caller; rate: rated
    source text not null check (source in ('search', 'get', 'touch', 'rate')),
    rating real check (rating between 1 and 5)
) partition by range (at);
-- By id, which is unique enough: with the namespace in front a use costs 40 bytes of WAL more.
create index access_event_record on memory_data.access_event (id, at);
comment on table memory_data.access_event is
'Every use of a record, append-only: the training data, and the truth behind usage.';

create table memory_data.change_counter (
    namespace text not null,
    -- writers of a namespace spread over 16 rows, so that they do not wait for each other
    slot smallint not null,
    changes bigint not null default 0,
    -- memories ever stored: never less than how many there are, so a small number spares a count
    stored bigint not null default 0,
    -- between which partition keys its memories of a layer were put; null: none ever
    interact_from timestamptz,
    interact_to timestamptz,
    insights_from timestamptz,
    insights_to timestamptz,
    assets_from timestamptz,
    assets_to timestamptz,
    primary key (namespace, slot)
) with (fillfactor = 50);
comment on table memory_data.change_counter is
'Grows with every change of a namespace in the transaction of the change: the query cache asks it,
and every search, which partitions it must open.';

create table memory_data.recent_query (
    namespace text not null,
    -- places of a ring: the oldest is overwritten
    slot smallint not null check (slot >= 0),
    -- without a dimension, for it outlives a change of the model
    embedding public.halfvec not null,
    model smallint not null references memory_data.embedding_model (id),
    at timestamptz not null,
    primary key (namespace, slot)
) with (fillfactor = 70);
comment on table memory_data.recent_query is
'The vectors of what was asked last in a namespace: the context of its memories.';

create table memory_data.idempotency (
    namespace text not null,
    key text not null check (length(key) between 1 and 200),
    request_hash bytea not null,
    response jsonb not null,
    at timestamptz not null,
    primary key (namespace, key)
);
create index idempotency_time on memory_data.idempotency (at);
comment on table memory_data.idempotency is 'Answers of writes that named an idempotency key.';
