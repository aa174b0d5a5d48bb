-- Why a memory is where it is, or gone.
create or replace view memory.decisions as
select
    at, namespace, id, action, layer, to_layer, kind, to_kind, route, score, criteria, model, job_run,
    records, detail, actor
from memory._decided;

comment on view memory.decisions is
'One row a decision: promote, keep (when its verdict changed), evict, compress, archive, expire, forget.';
comment on column memory.decisions.criteria is 'Criterion -> value, threshold, passed.';
comment on column memory.decisions.records is 'Records decided at once, such as a dropped partition.';
comment on column memory.decisions.at is 'When it was decided.';
comment on column memory.decisions.namespace is 'Of which namespace; *: of all.';
comment on column memory.decisions.id is 'The memory; null: several decided at once.';
comment on column memory.decisions.action is 'promote, keep, evict, compress, archive, restore, expire or forget.';
comment on column memory.decisions.layer is 'The layer it was in.';
comment on column memory.decisions.to_layer is 'The layer it went to; null: it went to none.';
comment on column memory.decisions.kind is 'The kind it had.';
comment on column memory.decisions.to_kind is 'The kind it got; null: none.';
comment on column memory.decisions.route is 'By which route it was judged.';
comment on column memory.decisions.score is 'Its ML score; of an eviction its worth.';
comment on column memory.decisions.model is 'What computed the score.';
comment on column memory.decisions.job_run is 'Run of the job that decided; null: no job did.';
comment on column memory.decisions.detail is 'What else is to know: the reason, the file, the twin it was merged into.';
comment on column memory.decisions.actor is
'Who: key NAME (over HTTP), job NAME or login NAME; null: decided before that was kept.';
