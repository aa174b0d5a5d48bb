-- Writes trained relevance back, a batch of parallel arrays. What is no longer live is left out
-- (forgotten at this very moment, its score is an orphan that retention removes). The rows are
-- narrow and nothing that changes is indexed: scoring again updates in place (HOT).
create or replace function memory.write_scores(
    p_namespaces text[], p_ids uuid[], p_scores double precision[], p_model integer,
    p_now timestamptz default now()
)
returns table (namespace text, id uuid, relevance real)
language plpgsql
set search_path to pg_catalog, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
declare
    v_faulty bigint;
begin
    if cardinality(p_ids) is distinct from cardinality(p_namespaces)
       or cardinality(p_ids) is distinct from cardinality(p_scores) then
        raise exception 'namespaces, ids and scores are not equally many'
            using errcode = 'ML422',
                  detail = format('%s namespaces, %s ids, %s scores.', cardinality(p_namespaces),
                                  cardinality(p_ids), cardinality(p_scores)),
                  hint = 'magray train --score-only';
    end if;
    select count(*) into v_faulty from unnest(p_scores) as s (score)
    where (s.score between 0 and 1) is not true;
    if v_faulty > 0 then
        raise exception 'a score is a number from 0 to 1'
            using errcode = 'ML422', detail = format('%s of %s are not.', v_faulty, cardinality(p_scores)),
                  hint = 'magray train --score-only';
    end if;
    perform memory._check_model(p_model);

    return query
    insert into memory_data.score as c (namespace, id, relevance, model, scored_at)
    select s.namespace, s.id, max(s.score)::real, p_model, p_now
    from unnest(p_namespaces, p_ids, p_scores) as s (namespace, id, score)
    join memory._memories as m
        on m.namespace = s.namespace and m.id = s.id and m.expires_at > p_now
    group by s.namespace, s.id
    -- always in the same order, so that two writers never deadlock
    order by s.namespace, s.id
    on conflict (namespace, id) do update
    set relevance = excluded.relevance, model = excluded.model, scored_at = excluded.scored_at
    returning c.namespace, c.id, c.relevance;
end;
$function$;

comment on function memory.write_scores is
'Store the relevance a model gives to records, as parallel arrays; returns those written.';
