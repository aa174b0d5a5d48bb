-- The live records to score, with the features of training_rows at p_now, in the order of namespace
-- and id: up to p_limit after the record given, nothing when all are done.
create or replace function memory.scoring_rows(
    p_now timestamptz default now(), p_limit integer default 5000, p_layer text default null,
    p_horizon interval default null, p_after_namespace text default '', p_after_id uuid default null
)
returns setof memory._sample
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_namespaces text[];
    v_ids uuid[];
begin
    perform memory._check_training(p_horizon, p_layer);
    select array_agg(b.namespace), array_agg(b.id)
    into v_namespaces, v_ids
    from (
        select m.namespace, m.id
        from memory._memories as m
        where (m.namespace, m.id)
              > (p_after_namespace, coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
            and m.expires_at > p_now and m.entered_at <= p_now
            and (p_layer is null or m.layer = p_layer)
        order by m.namespace, m.id
        limit p_limit) as b;

    return query
    select f.*
    from memory._features(
        v_namespaces, v_ids, array_fill(p_now, array[coalesce(cardinality(v_ids), 0)]), null, p_horizon) as f
    order by f.namespace, f.id;
end;
$function$;

comment on function memory.scoring_rows is
'Live records after a given one with their features at p_now; call until nothing comes back.';
