-- The columns of a training or scoring row, once for memory._features, training_rows and
-- scoring_rows: as a row type, it has no rows. What comes after `fixed_weighting` are the features.
create or replace view memory._sample as
select
    null::text as namespace,
    null::uuid as id,
    null::timestamptz as at, -- noqa: RF04
    null::text as layer,
    null::text as kind,
    null::double precision as horizon_seconds,
    null::boolean as label, -- noqa: RF04
    null::double precision as recency,
    null::double precision as frequency,
    null::double precision as importance,
    null::double precision as fixed_weighting,
    null::double precision as age,
    null::double precision as time_in_layer,
    null::double precision as idle,
    null::double precision as uses_quarter,
    null::double precision as uses_1,
    null::double precision as uses_4,
    null::double precision as uses_16,
    null::double precision as uses_decayed,
    null::double precision as gap_1,
    null::double precision as gap_2,
    null::double precision as gap_3,
    null::double precision as gap_mean,
    null::double precision as gap_deviation,
    null::double precision as idle_ratio,
    null::double precision as sessions,
    null::double precision as rating_mean,
    null::double precision as rating_count,
    null::double precision as kind_weight,
    null::double precision as layer_position,
    null::double precision as size,
    null::double precision as hint,
    null::double precision as pinned,
    null::double precision as query_similarity,
    null::double precision as novelty
where false;

comment on view memory._sample is
'Private: a record at a moment, what the fixed weighting says of it, and its features. Has no rows.';
comment on column memory._sample.label is 'Used again within the horizon after `at`; null: not known.';
comment on column memory._sample.fixed_weighting is 'The ML score where no model is active.';
comment on column memory._sample.age is 'Horizons since its creation.';
comment on column memory._sample.time_in_layer is 'Horizons since it entered its layer.';
comment on column memory._sample.idle is 'Horizons since its last use, or since it entered its layer.';
comment on column memory._sample.uses_quarter is 'Uses within the last quarter of a horizon.';
comment on column memory._sample.uses_1 is 'Uses within the last horizon.';
comment on column memory._sample.uses_4 is 'Uses within the last 4 horizons.';
comment on column memory._sample.uses_16 is 'Uses within the last 16 horizons.';
comment on column memory._sample.uses_decayed is 'Uses, each halved per horizon of its age.';
comment on column memory._sample.gap_1 is 'Horizons between the last two moments it was used or entered.';
comment on column memory._sample.gap_2 is 'The gap before that.';
comment on column memory._sample.gap_3 is 'And the one before that.';
comment on column memory._sample.gap_mean is 'Mean of all its gaps.';
comment on column memory._sample.gap_deviation is 'Standard deviation of all its gaps.';
comment on column memory._sample.idle_ratio is 'idle / gap_mean: above 1 it is overdue.';
comment on column memory._sample.sessions is 'Distinct sessions that used it.';
comment on column memory._sample.rating_mean is 'Mean rating, 1 to 5.';
comment on column memory._sample.size is 'Bytes of content, vector, words and metadata.';
comment on column memory._sample.hint is 'The caller''s importance, 0 to 1.';
comment on column memory._sample.query_similarity is
'Cosine to the nearest recent query of its namespace; null without one.';
comment on column memory._sample.novelty is
'Cosine distance to the nearest of the memories stored just before it; null without a vector.';
