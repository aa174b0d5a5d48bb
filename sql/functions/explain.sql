-- Why a memory is where it is: the parts of its score, then every criterion of its next step with
-- value, threshold and verdict, and in a sentence what would have to change.
create or replace function memory.explain(p_namespace text, p_id uuid, p_now timestamptz default now())
returns table (
    criterion text, value double precision, threshold double precision, passed boolean, note text
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_memory memory._memories;
    v_score record;
    v_usage memory_data.usage;
    v_route memory_data.route;
begin
    select * into v_memory from memory._find(p_namespace, p_id, p_now);
    select * into v_score from memory._score(v_memory, p_now);
    select * into v_usage from memory_data.usage as u where u.namespace = p_namespace and u.id = p_id;
    select * into v_route from memory_data.route as r where r.from_kind = v_memory.kind;

    return query values
        ('relevance', v_score.relevance, null::double precision, null::boolean,
         'Chance of being used again, by ' || v_score.model || '.'),
        ('recency', v_score.recency, null, null, 'Halves with every half-life since the last use.'),
        ('frequency', v_score.frequency, null, null, 'How often it is used, old uses counting less.'),
        ('importance', v_score.importance, null, null, 'From hint, rating, kind and frequency.');
    if v_route.name is null then
        return query values
            ('ml_score', v_score.score, null::double precision, null::boolean,
             format('Layer %s is the last: nothing to be promoted to.', v_memory.layer));
        return;
    end if;

    return query
    with rule as (
        select p.criterion, coalesce((v_route.overrides ->> p.criterion)::double precision, p.threshold) as threshold,
            p.required
        from memory_data.promotion_rule as p
        where p.layer = v_memory.layer
        union all
        select o.key, (o.value #>> '{}')::double precision, true
        from jsonb_each(v_route.overrides) as o
        where o.key not in (select p.criterion from memory_data.promotion_rule as p
                            where p.layer = v_memory.layer)
    ),
    judged as (
        select r.*, case r.criterion
            when 'ml_score' then v_score.score
            when 'access_count' then coalesce(v_usage.access_count, 0)
            when 'time_span' then coalesce(extract(epoch from v_usage.last_access - v_memory.entered_at), 0)
            when 'user_rating' then v_usage.rating_sum / nullif(v_usage.rating_count, 0)
            when 'context_relevance' then v_usage.context_relevance
            when 'importance' then v_score.importance
        end::double precision as value
        from rule as r
    )
    select j.criterion, j.value, j.threshold, v.passed,
        case
            when j.value is null and not j.required then 'Nobody rated it, which is no obstacle.'
            when v.passed then 'Holds.'
            when j.value is null then 'Not known yet.'
            when j.criterion = 'time_span' then format(
                'Must exceed %s; it is %s.', make_interval(secs => j.threshold),
                justify_hours(make_interval(secs => round(j.value))))
            else format('Must exceed %s; it is %s.', j.threshold, round(j.value::numeric, 3))
        end || format(' Route %s: %s to %s.', v_route.name, v_route.from_kind, v_route.to_kind)
    from judged as j
    cross join lateral (select coalesce(j.value > j.threshold, not j.required) as passed) as v
    order by j.criterion <> 'ml_score', j.criterion;
end;
$function$;

comment on function memory.explain is
'The parts of a memory''s score and each criterion of its next step, with what is missing.';
