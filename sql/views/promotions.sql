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
    job_run,
    actor
from memory._decided
where action = 'promote';

comment on view memory.promotions is
'One row a promotion: from where to where, by which route, with the values that were judged.';
comment on column memory.promotions.merged_into is
'The equal memory of the upper layer that took its uses; null: it moved itself.';
comment on column memory.promotions.at is 'When it moved.';
comment on column memory.promotions.namespace is 'Of which namespace.';
comment on column memory.promotions.id is 'The memory.';
comment on column memory.promotions.kind is 'The kind it had.';
comment on column memory.promotions.to_kind is 'The kind it got.';
comment on column memory.promotions.layer is 'The layer it left.';
comment on column memory.promotions.to_layer is 'The layer it entered.';
comment on column memory.promotions.route is 'By which route.';
comment on column memory.promotions.score is 'Its ML score.';
comment on column memory.promotions.model is 'What computed the score.';
comment on column memory.promotions.access_count is 'How often it had been used.';
comment on column memory.promotions.time_span is 'From its entry into the layer to its last use.';
comment on column memory.promotions.user_rating is 'Mean of its ratings, 1 to 5; null: nobody rated it.';
comment on column memory.promotions.context_relevance is 'How near it was to what is asked in its namespace, 0 to 1.';
comment on column memory.promotions.importance is 'Its importance, where its route asks for it.';
comment on column memory.promotions.job_run is 'Run of the job that decided; null: no job did.';
comment on column memory.promotions.actor is
'Who: key NAME (over HTTP), job NAME or login NAME; null: decided before that was kept.';
