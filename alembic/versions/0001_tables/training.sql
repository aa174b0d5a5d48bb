-- Models of relevance, and the scores they gave.

create table memory_data.model (
    id integer generated always as identity primary key,
    name text not null unique,
    algorithm text not null,
    -- trained on and used for this layer only; null: all layers
    layer text references memory_data.layer (name),
    -- of its label and features; null: each layer's own
    horizon interval check (horizon > interval '0'),
    trained_at timestamptz not null,
    -- training rows read, those of all slices
    rows integer not null check (rows > 0),
    -- what the artifact takes, in this order
    features text[] not null check (cardinality(features) > 0),
    -- ML score = 1 / (1 + exp(-(intercept + sum of weight * part)))
    combination jsonb not null check (
        combination ?& array['intercept', 'relevance', 'recency', 'frequency', 'importance']),
    -- the estimator, written by skops; never a pickle
    artifact bytea,
    metrics jsonb not null,
    -- feature -> AUC lost when its values are shuffled
    importances jsonb not null,
    active boolean not null default false,
    activated_at timestamptz
);
create unique index model_one_active on memory_data.model (active) where active;
comment on table memory_data.model is
'Trained models of relevance with what they were worth on a later time; at most one is active.';

-- Narrow, and no index on what changes: writing a score anew is a HOT update.
create table memory_data.score (
    namespace text not null,
    id uuid not null,
    relevance real not null check (relevance between 0 and 1),
    model integer not null references memory_data.model (id),
    scored_at timestamptz not null,
    primary key (namespace, id)
) with (fillfactor = 70);
comment on table memory_data.score is
'Trained relevance of records, written back by magray train; without a row of the active model the '
'fixed weighting answers.';

create table memory_data.promotion_run (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    layer text not null references memory_data.layer (name),
    job_run bigint,
    -- records used often enough to be looked at, and those of them whose verdict might have changed
    candidates bigint not null,
    judged bigint not null,
    promoted bigint not null,
    -- verdicts that changed
    kept bigint not null,
    -- of the judged, scored by the fixed weighting for want of a trained score
    fallback bigint not null
);
create index promotion_run_time on memory_data.promotion_run (at);
comment on table memory_data.promotion_run is
'One row a run of promote and layer: how many were judged, moved, kept.';
