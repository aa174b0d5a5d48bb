-- Who moved up, when, by which route, and how far beyond each threshold.
create or replace view memory.promotions as
select
    at, namespace, id, kind, to_kind, layer, to_layer, route, score, model,
    (criteria -> 'access_count' ->> 'value')::double precision as access_count,
    make_interval(secs => (criteria -> 'time_span' ->> 'value')::double precision) as time_span,
    (criteria -> 'user_rating' ->> 'value')::double precision as user_rating,
    (criteria -> 'context_relevance' ->> 'value')::double precision as context_relevance,
    (criteria -> 'importance' ->> 'value')::double precision as importance,
    (detail ->> 'merged_into')::uuid as merged_into,
    job_run
from memory._decided
where action = 'promote';

comment on view memory.promotions is
'One row a promotion: from where to where, by which route, with the values that were judged.';
comment on column memory.promotions.merged_into is
'The equal memory of the upper layer that took its uses; null: it moved itself.';
