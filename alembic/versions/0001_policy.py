"""Policy as rows: layers, kinds, routes, promotion rules, settings, schedule, keys.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = """
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
    index_rows integer not null default 20000 check (index_rows > 0)
);
comment on table memory_data.layer is
'The three layers and their policy; magray.toml is applied to these rows.';

insert into memory_data.layer
    (name, position, ttl, reach, max_bytes, eviction_policy, promotion_threshold, next_layer,
     half_life, partition_key, partition_step)
values
    ('interact', 1, '24 hours', '32 hours', 512::bigint << 20, 'lru_with_importance', 0.7,
     'insights', '6 hours', 'expires_at', '8 hours'),
    ('insights', 2, '90 days', '120 days', 2048::bigint << 20, 'importance_based', 0.9, 'assets',
     '30 days', 'expires_at', '30 days'),
    ('assets', 3, null, '1000 years', 8192::bigint << 20, 'manual', null, null,
     '365 days', 'entered_at', '1 year');

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

create table memory_data.setting (
    key text primary key,
    value jsonb not null,
    description text not null
);
comment on table memory_data.setting is
'Every number the SQL functions read; magray.toml is applied to these rows.';

insert into memory_data.setting (key, value, description) values
    ('hnsw_m', '16', 'Links per node of an HNSW index, 2..100.'),
    ('hnsw_ef_construction', '200', 'Candidates while an HNSW index is built, 4..1000.'),
    ('hnsw_ef_search', '100', 'Candidates of an HNSW search over all its partitions, 1..1000.'),
    ('embedding_cache_size', '10000', 'Vectors the service keeps in memory.'),
    ('query_cache_ttl_minutes', '30', 'How long the service may answer a query from its cache.'),
    ('batch_size', '32', 'Texts embedded at once.'),
    ('batch_timeout_ms', '100', 'How long a text may wait for others to be embedded with it.'),
    ('exact_rows', '20000',
     'Namespaces up to this many memories are searched exactly, larger ones by HNSW.'),
    ('candidates', '100', 'Length of each candidate list of a search.'),
    ('max_content_chars', '65536', 'Longest content of one memory, in characters.'),
    ('max_top_k', '1000', 'Most results one search may ask for.'),
    ('idempotency_hours', '24', 'How long an idempotency key is remembered.');

create table memory_data.schedule (
    name text primary key,
    -- standard cron, or "N seconds" as pg_cron has it
    cron text not null,
    command text not null,
    enabled boolean not null default true,
    description text not null
);
comment on table memory_data.schedule is
'Jobs: run by pg_cron where it is, otherwise by the service, always the same SQL.';

create table memory_data.embedding_model (
    id smallint generated always as identity primary key,
    name text not null unique,
    dim integer not null check (dim between 1 and 4000),
    active boolean not null default false,
    registered_at timestamptz not null default now()
);
create unique index embedding_model_one_active on memory_data.embedding_model (active) where active;
comment on table memory_data.embedding_model is
'Whose vectors are stored; vectors of two models are never compared.';

create table memory_data.search_basis (
    only_row boolean primary key default true check (only_row),
    exact_rows integer not null,
    candidates integer not null,
    max_top_k integer not null,
    model smallint,
    model_name text,
    dim integer
);
comment on table memory_data.search_basis is
'What every search asks of setting and embedding_model, in one row, kept by triggers on them:
0.02 ms instead of 0.10, a tenth of a search in a small namespace.';

create function memory_data.refresh_search_basis()
returns trigger
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
begin
    insert into memory_data.search_basis as b
        (exact_rows, candidates, max_top_k, model, model_name, dim)
    select s.exact_rows, s.candidates, s.max_top_k, e.id, e.name, e.dim
    from (
        select max(t.value::integer) filter (where t.key = 'exact_rows') as exact_rows,
            max(t.value::integer) filter (where t.key = 'candidates') as candidates,
            max(t.value::integer) filter (where t.key = 'max_top_k') as max_top_k
        from memory_data.setting as t) as s
    left join memory_data.embedding_model as e on e.active
    on conflict (only_row) do update
    set exact_rows = excluded.exact_rows, candidates = excluded.candidates,
        max_top_k = excluded.max_top_k, model = excluded.model, model_name = excluded.model_name,
        dim = excluded.dim;
    return null;
end;
$function$;
comment on function memory_data.refresh_search_basis is 'Keeps memory_data.search_basis.';

create trigger search_basis after insert or update or delete on memory_data.setting
for each statement execute function memory_data.refresh_search_basis();
create trigger search_basis after insert or update or delete on memory_data.embedding_model
for each statement execute function memory_data.refresh_search_basis();
-- the triggers came after the first rows
update memory_data.setting set key = key where false;

create table memory_data.api_key (
    id uuid primary key default uuidv7(),
    name text not null,
    prefix text not null,
    digest bytea not null unique check (octet_length(digest) = 32),
    -- '*' stands for every namespace
    namespaces text[] not null check (cardinality(namespaces) > 0),
    scopes text[] not null
        check (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'admin']),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
comment on table memory_data.api_key is
'API keys by their SHA-256; the key itself is shown once and stored nowhere.';

create table memory_data.code_state (
    only_row boolean primary key default true check (only_row),
    digest text not null,
    migrated_at timestamptz not null default now()
);
comment on table memory_data.code_state is
'Digest of the sql/ folder the schema memory was built from.';
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENTS)


def downgrade() -> None:
    raise RuntimeError("MAGRAY migrates up only; go back with: magray restore --to TIMESTAMP")
