-- Policy as rows: the three layers, the kinds of memory, what promotes them and where to.

-- Seven indexes and the index of TOAST, a page each, of every partition of a layer that is kept:
-- those a life spans, those made ahead, and the one now lies in.
create function memory_data.least_budget(p_ttl interval, p_step interval, p_ahead smallint)
returns bigint
language sql
immutable
set search_path to pg_catalog, pg_temp
return 8 * 8192 * (
    1 + p_ahead + coalesce(ceil(extract(epoch from p_ttl) / extract(epoch from p_step)), 0)
)::bigint;
comment on function memory_data.least_budget is 'Bytes on disk of a layer that holds nothing.';

create table memory_data.layer (
    name text primary key,
    position smallint not null unique,
    -- null: permanent
    ttl interval check (ttl > interval '0'),
    -- the longest any memory of the layer may still live: bounds what a search has to look at
    reach interval not null,
    max_bytes bigint not null check (max_bytes > 0),
    eviction_policy text not null
        check (eviction_policy in ('lru_with_importance', 'importance_based', 'manual')),
    -- null: nothing above it
    promotion_threshold double precision check (promotion_threshold between 0 and 1),
    next_layer text references memory_data.layer (name) deferrable initially deferred,
    -- how recency halves: 0.5 ^ (time since last access / half_life)
    half_life interval not null check (half_life > interval '0'),
    partition_key text not null check (partition_key in ('expires_at', 'entered_at')),
    partition_step interval not null check (partition_step > interval '0'),
    partitions_ahead smallint not null default 7 check (partitions_ahead >= 7),
    -- rows at which a growing partition earns its HNSW and GIN index
    index_rows integer not null default 20000 check (index_rows > 0),
    -- what `relevance` predicts: that a record is used again within this time
    horizon interval not null check (horizon > interval '0'),
    -- lent by the other layers out of what they do not need, given back when they do
    borrowed_bytes bigint not null default 0 check (borrowed_bytes >= 0),
    -- an evicted memory goes to the archive instead of being deleted
    archive_first boolean not null default false,
    -- unused for this long it goes to the archive; null: never
    archive_after interval check (archive_after > interval '0'),
    constraint layer_budget_of_an_empty_layer
        check (max_bytes >= memory_data.least_budget(ttl, partition_step, partitions_ahead))
);
comment on table memory_data.layer is
'The three layers and their policy; magray.toml is applied to these rows.';

insert into memory_data.layer
    (name, position, ttl, reach, max_bytes, eviction_policy, promotion_threshold, next_layer,
     half_life, partition_key, partition_step, horizon)
values
    ('interact', 1, '24 hours', '32 hours', 512::bigint << 20, 'lru_with_importance', 0.7,
     'insights', '6 hours', 'expires_at', '8 hours', '6 hours'),
    ('insights', 2, '90 days', '120 days', 2048::bigint << 20, 'importance_based', 0.9, 'assets',
     '30 days', 'expires_at', '30 days', '7 days'),
    ('assets', 3, null, '1000 years', 8192::bigint << 20, 'manual', null, null,
     '365 days', 'entered_at', '1 year', '30 days');

create table memory_data.kind (
    name text primary key check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    layer text not null references memory_data.layer (name),
    -- what the kind alone says of a record's worth, 0..1; a part of importance
    weight double precision not null default 0.5 check (weight between 0 and 1),
    description text not null
);
comment on table memory_data.kind is 'Kinds of record, the layer each is remembered in.';

insert into memory_data.kind (name, layer, weight, description) values
    ('session_data', 'interact', 0.4, 'State of a running session.'),
    ('recent_query', 'interact', 0.4, 'A question asked lately.'),
    ('temporary_context', 'interact', 0.3, 'Context that matters for a task at hand.'),
    ('user_interaction', 'interact', 0.5, 'What a user or the assistant said or did.'),
    ('pattern', 'insights', 0.6, 'A regularity seen across sessions.'),
    ('learned_context', 'insights', 0.6, 'Context learned from use.'),
    ('snippet', 'insights', 0.5, 'A reusable piece of text or code.'),
    ('solution', 'insights', 0.7, 'What solved a problem.'),
    ('documentation', 'assets', 0.8, 'Documents worth keeping.'),
    ('system_knowledge', 'assets', 0.8, 'Facts about the system.'),
    ('best_practice', 'assets', 0.8, 'How things are done well.'),
    ('core_concept', 'assets', 0.9, 'What everything else builds on.');

create table memory_data.promotion_rule (
    layer text not null references memory_data.layer (name),
    criterion text not null check (criterion in
        ('ml_score', 'access_count', 'time_span', 'user_rating', 'context_relevance')),
    -- the value must be greater; time_span in seconds, user_rating 1..5, the scores 0..1
    threshold double precision not null,
    -- a record without a value (nobody rated it) passes unless this says otherwise
    required boolean not null default true,
    primary key (layer, criterion)
);
comment on table memory_data.promotion_rule is
'What a record of a layer must exceed, every criterion of it, to move to the next layer.';

insert into memory_data.promotion_rule (layer, criterion, threshold, required) values
    ('interact', 'ml_score', 0.7, true),
    ('interact', 'access_count', 3, true),
    ('interact', 'time_span', 43200, true),
    ('interact', 'user_rating', 4.0, false),
    ('interact', 'context_relevance', 0.8, true),
    ('insights', 'ml_score', 0.9, true),
    ('insights', 'access_count', 10, true),
    ('insights', 'time_span', 2592000, true),
    ('insights', 'user_rating', 4.5, false),
    ('insights', 'context_relevance', 0.95, true);

create table memory_data.route (
    name text primary key,
    from_kind text not null unique references memory_data.kind (name),
    to_kind text not null references memory_data.kind (name),
    -- criterion -> threshold, taking the place of the step's rule for this route
    overrides jsonb not null default '{}' check (jsonb_typeof(overrides) = 'object')
);
comment on table memory_data.route is 'Where each kind goes when it is promoted.';

insert into memory_data.route (name, from_kind, to_kind, overrides) values
    ('ml_promotion', 'session_data', 'pattern', '{}'),
    ('high_score', 'recent_query', 'learned_context', '{"ml_score": 0.8}'),
    ('high_access', 'temporary_context', 'snippet', '{"access_count": 5}'),
    ('high_value', 'user_interaction', 'solution', '{"importance": 0.5}'),
    ('critical', 'pattern', 'documentation', '{"importance": 0.7}'),
    ('long_term', 'learned_context', 'system_knowledge', '{"time_span": 2592000}'),
    ('reference', 'snippet', 'best_practice', '{"access_count": 10}'),
    ('foundation', 'solution', 'core_concept', '{}');
