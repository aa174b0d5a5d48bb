-- Why a memory is where it is, or gone.
create or replace view memory.decisions as
select
    at, namespace, id, action, layer, to_layer, kind, to_kind, route, score, criteria, model, job_run,
    records, detail
from memory._decided;

comment on view memory.decisions is
'One row a decision: promote, keep (when its verdict changed), evict, compress, archive, expire, forget.';
comment on column memory.decisions.criteria is 'Criterion -> value, threshold, passed.';
comment on column memory.decisions.records is 'Records decided at once, such as a dropped partition.';
