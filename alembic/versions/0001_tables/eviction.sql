-- How often and how regularly records are used, those too that went: what eviction ranks by.

create table memory_data.ghost (
    namespace text not null,
    -- as of the record: the same memory stored again is recognised by it
    content_hash bytea not null,
    -- the id it had
    id uuid not null,
    layer text not null references memory_data.layer (name),
    -- all uses, the storing of it among them
    uses integer not null check (uses > 0),
    gap real,
    last_use timestamptz not null,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    primary key (namespace, content_hash)
);
create index ghost_oldest on memory_data.ghost (layer, last_use);
comment on table memory_data.ghost is
'What is remembered of evicted records for a while: how they were used, never what they said.';

create table memory_data.reuse (
    layer text not null references memory_data.layer (name),
    -- writers spread over 16 rows, so that they seldom wait for each other
    slot smallint not null,
    -- how often and how regularly the record had been used: memory._reuse_class
    class smallint not null,
    -- how long it had lain idle: memory._idle_step
    step smallint not null,
    uses double precision not null,
    primary key (layer, slot, class, step)
) with (fillfactor = 70);
comment on table memory_data.reuse is
'After how long records were used again, by how they had been used before: counts, no ids.';

create table memory_data.reuse_curve (
    layer text not null references memory_data.layer (name),
    class smallint not null,
    -- uses to expect an hour of keeping a record of this class that was used just now
    importance double precision not null check (importance > 0),
    -- how that changes while the record lies idle: at the start of each step, as a share
    recency real[] not null,
    learned_at timestamptz not null,
    -- uses of the layer it was learned from
    uses double precision not null,
    primary key (layer, class)
) with (fillfactor = 50);
comment on table memory_data.reuse_curve is
'What memory.learn_reuse made of the counts: importance and recency for eviction.';
