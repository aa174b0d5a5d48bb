-- Why a memory is where it is: the parts of its score, then every criterion of its next step with
-- value, threshold and verdict, and in a sentence what would have to change. Who may not read the tables
-- is answered by memory._analyst_explain.
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
    v_judged record;
    v_source text;
begin
    if not has_schema_privilege('memory_data', 'usage') then
        return query select * from memory._analyst_explain(p_namespace, p_id, p_now);
        return;
    end if;
    select * into v_memory from memory._find_memory(p_namespace, p_id, p_now);
    select * into v_score from memory._promotion_scores(v_memory.layer, array[p_namespace], array[p_id], p_now);
    select * into v_judged from memory._judge_records(v_memory.layer, array[p_namespace], array[p_id], p_now);
    select c.source into v_source
    from memory._context_relevance(v_memory.layer, array[p_namespace], array[p_id], p_now) as c;

    return query values
        ('relevance', v_score.relevance, null::double precision, null::boolean,
         'Chance of being used again, by ' || v_score.model || '.'),
        ('recency', v_score.recency, null, null, 'Halves with every half-life since the last use.'),
        ('frequency', v_score.frequency, null, null, 'How often it is used, old uses counting less.'),
        ('importance', v_score.importance, null, null, 'From hint, rating, kind and frequency.');
    if v_judged.id is null then
        return query values
            ('ml_score', v_score.ml_score, null::double precision, null::boolean,
             case when exists (select from memory_data.layer as l
                               where l.name = v_memory.layer and l.next_layer is null)
                  then format('Layer %s is the last: nothing to be promoted to.', v_memory.layer)
                  else format('No route leads on from kind %s.', v_memory.kind)
             end);
        return;
    end if;

    return query
    select j.key, j.value, j.threshold, j.passed,
        case
            when j.value is null and j.key = 'user_rating' and j.passed then 'Nobody rated it, which is no obstacle.'
            when j.value is null and j.passed then 'Not known, which is no obstacle.'
            when j.key = 'user_rating' and j.value is null then 'Nobody rated it yet: rate it.'
            when j.key = 'context_relevance' and j.value is null
                then 'Not known yet: it was never used, and no question of its namespace was noted.'
            when j.value is null then 'Not known yet.'
            when j.passed then 'Holds.'
            when j.key = 'time_span' then format(
                'Must exceed %s; it is %s.', make_interval(secs => j.threshold),
                justify_hours(make_interval(secs => round(j.value::numeric)::double precision)))
            when j.key = 'access_count' then format(
                'Must exceed %s; it is %s. %s more use(s).', j.threshold, j.value,
                floor(j.threshold) + 1 - j.value)
            else format('Must exceed %s; it is %s.', j.threshold, round(j.value::numeric, 3))
        end
        || case when j.key = 'context_relevance' and j.value is not null then
            case v_source
                when 'queries' then ' The share of its layer that is no nearer to the recent questions.'
                when 'known' then ' As last known.'
                else ' No question was noted: the share of its layer that is used no more.'
            end
            else ''
        end
        || format(' Route %s: %s to %s.', v_judged.route, v_judged.kind, v_judged.to_kind)
    from (
        select e.key, (e.value ->> 'value')::double precision as value,
            (e.value ->> 'threshold')::double precision as threshold, (e.value ->> 'passed')::boolean as passed
        from jsonb_each(v_judged.criteria) as e) as j
    order by j.key <> 'ml_score', j.key;
end;
$function$;

comment on function memory.explain is
'The parts of a memory''s score and each criterion of its next step, with what is missing.';
