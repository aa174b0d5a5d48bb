-- Every trained model with what it was worth, and how many live memories each answers for; the row
-- without an id is the fixed weighting, which answers for all the others.
create or replace view memory.models as
select
    m.id,
    m.name,
    m.algorithm,
    m.layer,
    m.horizon,
    m.trained_at,
    m.active,
    m.activated_at,
    m.rows as training_rows,
    (m.metrics #>> '{methods,relevance,auc,value}')::double precision as auc,
    (m.metrics #>> '{methods,fixed weighting,auc,value}')::double precision as fixed_weighting_auc,
    (m.metrics #>> '{gains,fixed weighting,low}')::double precision as gain_at_least,
    case when m.active then coalesce(s.memories, 0) else 0 end as answers_for,
    m.combination,
    m.metrics,
    m.importances
from memory_data.model as m
left join (
    select c.model, count(*) as memories
    from memory_data.score as c
    join memory._live as r on r.namespace = c.namespace and r.id = c.id
    group by c.model
) as s on s.model = m.id
union all
select
    null as id,
    'fixed weighting' as name, -- noqa: RF04
    'fixed weighting' as algorithm,
    null as layer,
    null as horizon,
    null as trained_at,
    not coalesce((select bool_or(a.active) from memory_data.model as a), false) as active,
    null as activated_at,
    null as training_rows,
    null as auc,
    null as fixed_weighting_auc,
    null as gain_at_least,
    count(*) - count(s.id) as answers_for,
    null as combination,
    null as metrics,
    null as importances
from memory._live as r
left join (
    select
        c.namespace,
        c.id
    from memory_data.score as c
    join memory_data.model as a on a.id = c.model
    where a.active
) as s on s.namespace = r.namespace and s.id = r.id;

comment on view memory.models is
'Trained models with their worth on a later time, and how many live memories each answers for.';
comment on column memory.models.auc is 'AUC of the relevance on the later split.';
comment on column memory.models.gain_at_least is
'Lower end of the 95% interval of its AUC minus the fixed weighting''s; active only when above 0.';
comment on column memory.models.id is 'Number of the model; null: the fixed weighting.';
comment on column memory.models.name is 'Its name.';
comment on column memory.models.algorithm is 'How it was trained.';
comment on column memory.models.layer is 'The layer it is for; null: all.';
comment on column memory.models.horizon is 'It predicts a use within this time; null: each layers own.';
comment on column memory.models.trained_at is 'When it was trained.';
comment on column memory.models.active is 'Whether it is the one in use.';
comment on column memory.models.activated_at is 'When it was put in use.';
comment on column memory.models.training_rows is 'Rows it was trained on.';
comment on column memory.models.fixed_weighting_auc is 'AUC of the fixed weighting on the same rows.';
comment on column memory.models.answers_for is 'Live memories it answers for.';
comment on column memory.models.combination is 'Weights of the parts of the ML score.';
comment on column memory.models.metrics is 'All that was measured of it.';
comment on column memory.models.importances is 'Feature -> AUC lost when its values are shuffled.';
