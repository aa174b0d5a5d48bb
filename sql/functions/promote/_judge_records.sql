-- Judges live records of a layer by the criteria of their routes, all in one place: promote,
-- explain and blocking_criteria ask here. A value must be greater than its threshold; one that is
-- missing passes where the rule does not require it.
--
-- p_changed: leaves out records that fail and whose verdict is seen to be the old one, cheapest first:
-- by use, time and rating before anything is scored, by these and the score before vectors are
-- compared. (While a cheaper criterion fails as it did, the dearer ones are not looked at again.)
create or replace function memory._judge_records(
    p_layer text, p_namespaces text[], p_ids uuid[], p_now timestamptz,
    p_changed boolean default false
)
returns table (
    namespace text, id uuid, kind text, route text, to_layer text, to_kind text,
    score double precision, model text, failing smallint, verdict smallint,
    context double precision, criteria jsonb
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_cheap constant smallint := memory._criterion_bit('access_count')
        | memory._criterion_bit('time_span') | memory._criterion_bit('user_rating');
    v_namespaces text[] := p_namespaces;
    v_ids uuid[] := p_ids;
begin
    if p_changed then
        select array_agg(c.namespace), array_agg(c.id) into v_namespaces, v_ids
        from (
            select f.namespace, f.id, f.verdict,
                coalesce(bit_or(memory._criterion_bit(r.criterion)) filter (
                    where not coalesce(v.value > r.threshold, not r.required)), 0::smallint) as failing
            from memory._measure_criteria(p_layer, p_namespaces, p_ids, p_now) as f
            join memory._promotion_rules(p_layer) as r on r.from_kind = f.kind
            cross join lateral (
                select case r.criterion
                    when 'access_count' then f.access_count
                    when 'time_span' then f.time_span
                    when 'user_rating' then f.user_rating
                end) as v (value)
            where memory._criterion_bit(r.criterion) & v_cheap <> 0
            group by f.namespace, f.id, f.verdict) as c
        where c.failing = 0 or c.failing is distinct from c.verdict & v_cheap;
        if v_ids is null then
            return;
        end if;
    end if;

    return query
    with rule as materialized (
        select * from memory._promotion_rules(p_layer) as r
    ),
    known as materialized (
        select f.*, s.ml_score, s.importance, s.model
        from memory._measure_criteria(p_layer, v_namespaces, v_ids, p_now) as f
        join memory._promotion_scores(p_layer, v_namespaces, v_ids, p_now) as s
            on s.namespace = f.namespace and s.id = f.id
    ),
    wanted as materialized (
        select k.namespace, k.id
        from known as k
        join rule as r on r.from_kind = k.kind and r.criterion <> 'context_relevance'
        cross join lateral (
            select case r.criterion
                when 'ml_score' then k.ml_score
                when 'access_count' then k.access_count
                when 'time_span' then k.time_span
                when 'user_rating' then k.user_rating
                when 'importance' then k.importance
            end) as v (value)
        group by k.namespace, k.id, k.verdict
        having not p_changed
            or bool_and(coalesce(v.value > r.threshold, not r.required))
            or bit_or(memory._criterion_bit(r.criterion)) filter (
                where not coalesce(v.value > r.threshold, not r.required))
               is distinct from k.verdict & ~memory._criterion_bit('context_relevance')
    ),
    context as materialized (
        select * from memory._context_relevance(
            p_layer, (select array_agg(w.namespace) from wanted as w),
            (select array_agg(w.id) from wanted as w), p_now) as c
    ),
    judged as (
        select f.namespace, f.id, f.kind, f.verdict, r.route, r.to_layer, r.to_kind, r.criterion,
            r.threshold, f.ml_score, f.model, v.value,
            case when c.source = 'queries' then c.value end as context,
            coalesce(v.value > r.threshold, not r.required) as passed
        from known as f
        join rule as r on r.from_kind = f.kind
        join context as c on c.namespace = f.namespace and c.id = f.id
        cross join lateral (
            select case r.criterion
                when 'ml_score' then f.ml_score
                when 'access_count' then f.access_count
                when 'time_span' then f.time_span
                when 'user_rating' then f.user_rating
                when 'importance' then f.importance
                when 'context_relevance' then c.value
            end) as v (value)
    )
    select j.namespace, j.id, j.kind, j.route, j.to_layer, j.to_kind, j.ml_score, j.model,
        coalesce(bit_or(memory._criterion_bit(j.criterion)) filter (where not j.passed), 0::smallint),
        j.verdict, j.context,
        jsonb_object_agg(j.criterion, jsonb_build_object(
            'value', j.value, 'threshold', j.threshold, 'passed', j.passed))
    from judged as j
    group by j.namespace, j.id, j.kind, j.route, j.to_layer, j.to_kind, j.ml_score, j.model, j.verdict, j.context;
end;
$function$;

comment on function memory._judge_records is
'Every criterion of live records of a layer: value, threshold, passed, and which fail.';
