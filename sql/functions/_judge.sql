-- Judges live records of a layer by the criteria of their routes, all in one place: promote,
-- explain and blocking_criteria ask here. A value must be greater than its threshold; one that is
-- missing passes where the rule does not require it.
--
-- p_changed: leaves out records whose verdict could not have changed by the cheap criteria, before
-- anything dear is computed: those that fail one of them and failed the same when they were judged
-- last. (While a cheap one fails, the dear ones are not looked at again.)
create or replace function memory._judge(
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
            from memory._measure(p_layer, p_namespaces, p_ids, p_now) as f
            join memory._rules(p_layer) as r on r.from_kind = f.kind
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
        select * from memory._rules(p_layer) as r
    ),
    fact as materialized (
        select * from memory._measure(p_layer, v_namespaces, v_ids, p_now) as f
    ),
    part as materialized (
        select * from memory._scores(p_layer, v_namespaces, v_ids, p_now) as s
    ),
    context as materialized (
        select * from memory._context_relevance(p_layer, v_namespaces, v_ids, p_now) as c
    ),
    judged as (
        select f.namespace, f.id, f.kind, f.verdict, r.route, r.to_layer, r.to_kind, r.criterion,
            r.threshold, s.ml_score, s.model, v.value,
            case when c.source = 'queries' then c.value end as context,
            coalesce(v.value > r.threshold, not r.required) as passed
        from fact as f
        join rule as r on r.from_kind = f.kind
        join part as s on s.namespace = f.namespace and s.id = f.id
        join context as c on c.namespace = f.namespace and c.id = f.id
        cross join lateral (
            select case r.criterion
                when 'ml_score' then s.ml_score
                when 'access_count' then f.access_count
                when 'time_span' then f.time_span
                when 'user_rating' then f.user_rating
                when 'context_relevance' then c.value
                when 'importance' then s.importance
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

comment on function memory._judge is
'Every criterion of live records of a layer: value, threshold, passed, and which fail.';
