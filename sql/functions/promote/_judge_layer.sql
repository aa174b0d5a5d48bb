-- Judges what may have something to gain in a layer, page by page, and keeps what has to be carried
-- out: at most p_limit records that pass and, with p_keep, about 10 * p_limit changed verdicts; more
-- are judged in the next call. Answers as JSON: `passed` and `kept` (rows of memory._judge_records with their
-- layer), `candidates`, `judged`, `fallback` (scored by the fixed weighting).
create or replace function memory._judge_layer(
    p_layer text, p_namespace text, p_now timestamptz, p_limit integer, p_keep boolean
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
    v_passed jsonb := jsonb '[]';
    v_kept jsonb := jsonb '[]';
    v_judged bigint := 0;
    v_fallback bigint := 0;
    v_part record;
begin
    select array_agg(c.namespace), array_agg(c.id) into v_namespaces, v_ids
    from memory._promotable(p_layer, p_namespace) as c;
    for v_start in 1 .. coalesce(cardinality(v_ids), 0) by v_page loop
        exit when jsonb_array_length(v_passed) >= p_limit or jsonb_array_length(v_kept) >= 10::bigint * p_limit;
        select count(*) as judged, count(*) filter (where j.model = 'fixed weighting') as fallback,
            coalesce(jsonb_agg(to_jsonb(j) || jsonb_build_object('layer', p_layer) order by j.namespace, j.id)
                     filter (where j.failing = 0 and j.place <= p_limit - jsonb_array_length(v_passed)),
                     '[]') as passed,
            coalesce(jsonb_agg(to_jsonb(j) || jsonb_build_object('layer', p_layer) order by j.namespace, j.id)
                     filter (where p_keep and j.failing <> 0 and j.failing is distinct from j.verdict),
                     '[]') as kept
        into v_part
        from (
            select j.*, row_number() over (partition by j.failing = 0 order by j.namespace, j.id) as place
            from memory._judge_records(
                p_layer, v_namespaces[v_start : v_start + v_page - 1],
                v_ids[v_start : v_start + v_page - 1], p_now, true) as j) as j;
        v_passed := v_passed || v_part.passed;
        v_kept := v_kept || v_part.kept;
        v_judged := v_judged + v_part.judged;
        v_fallback := v_fallback + v_part.fallback;
    end loop;
    return jsonb_build_object(
        'passed', v_passed, 'kept', v_kept, 'candidates', coalesce(cardinality(v_ids), 0),
        'judged', v_judged, 'fallback', v_fallback);
end;
$function$;

comment on function memory._judge_layer is
'Judge what may be promoted out of a layer; answers what is to be carried out, and counts.';
