-- Every decision, under the owner's rights: what the public views are made of, so that the role
-- memory_analyst needs no access to the table.
create or replace view memory._decided as
select
    d.at, d.namespace, d.id, d.action, d.layer, d.to_layer, d.kind, d.to_kind, d.route, d.score,
    d.criteria, d.model, d.job_run, d.records, d.detail,
    d.actor
from memory_data.decision as d;

comment on view memory._decided is 'Private: every decision, under the owner''s rights.';
