-- Judges what may have something to gain in a layer, page by page, and keeps what has to be written:
-- at most p_limit records that pass and 10 * p_limit changed verdicts. Answers as JSON: `judged` (rows of
-- memory._judge), `candidates`, `scored`, `fallback` (scored by the fixed weighting) and `failed`
-- (criterion -> how many of the scored fail it).
create or replace function memory._judge_layer(
    p_layer text, p_namespace text, p_now timestamptz, p_limit integer
)
returns jsonb
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_page constant integer := 2000;
    v_namespaces text[];
    v_ids uuid[];
    v_judged jsonb := '[]';
    v_passed integer := 0;
    v_changed integer := 0;
    v_scored bigint := 0;
    v_fallback bigint := 0;
    v_failed integer[] := array_fill(0, array[6]);
    v_part record;
begin
    select array_agg(c.namespace), array_agg(c.id) into v_namespaces, v_ids
    from memory._promotable(p_layer, p_namespace) as c;
    for v_start in 1 .. coalesce(cardinality(v_ids), 0) by v_page loop
        exit when v_passed >= p_limit or v_changed >= 10 * p_limit;
        with judged as materialized (
            select j.*, row_number() over (
                partition by j.failing = 0 order by j.namespace, j.id) as place
            from memory._judge(
                p_layer, v_namespaces[v_start : v_start + v_page - 1],
                v_ids[v_start : v_start + v_page - 1], p_now, true) as j
        ),
        wanted as (
            select j.* from judged as j
            where (j.failing = 0 and j.place <= p_limit - v_passed)
                or (j.failing <> 0 and j.failing is distinct from j.verdict)
        )
        select
            (select count(*) from judged as j) as scored,
            (select count(*) from judged as j where j.model = 'fixed weighting') as fallback,
            (select array_agg((select count(*)::integer from judged as j where j.failing & (1 << b.bit) <> 0)
                              order by b.bit)
             from generate_series(0, 5) as b (bit)) as failed,
            (select count(*) from wanted as w where w.failing = 0) as passed,
            (select count(*) from wanted as w where w.failing <> 0) as changed,
            (select coalesce(jsonb_agg(to_jsonb(w) || jsonb_build_object('layer', p_layer)
                                       order by w.namespace, w.id), '[]') from wanted as w) as judged
        into v_part;
        v_scored := v_scored + v_part.scored;
        v_fallback := v_fallback + v_part.fallback;
        v_passed := v_passed + v_part.passed;
        v_changed := v_changed + v_part.changed;
        v_judged := v_judged || v_part.judged;
        for v_bit in 1 .. 6 loop
            v_failed[v_bit] := v_failed[v_bit] + v_part.failed[v_bit];
        end loop;
    end loop;
    return jsonb_build_object(
        'judged', v_judged, 'candidates', coalesce(cardinality(v_ids), 0), 'scored', v_scored,
        'fallback', v_fallback,
        'failed', (select jsonb_object_agg(c.name, v_failed[c.place])
                   from unnest(array['ml_score', 'access_count', 'time_span', 'user_rating',
                                     'context_relevance', 'importance']) with ordinality as c (name, place)));
end;
$function$;

comment on function memory._judge_layer is
'Judge what may be promoted out of a layer; answers what has to be written, and counts.';
