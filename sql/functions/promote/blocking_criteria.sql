-- What keeps records of a layer from moving on at this moment: for every criterion how many of the
-- records fail it, and how many fail it alone, so that a threshold that starves the upper layers can
-- be seen. Judged are the p_limit records used last; a record never used fails `access_count` and is
-- in `records` only. With the owner's rights, for analysts, who may ask it, read no table; the service may not.
create or replace function memory.blocking_criteria(
    p_layer text, p_now timestamptz default now(), p_limit integer default 10000
)
returns table (
    criterion text, records bigint, judged bigint, failing bigint, alone bigint, share double precision
)
language plpgsql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_namespaces text[];
    v_ids uuid[];
    v_records bigint;
begin
    perform memory._check_layer(p_layer);
    select count(*) into v_records
    from memory._memories as m where m.layer = p_layer and m.expires_at > p_now;
    select array_agg(u.namespace), array_agg(u.id) into v_namespaces, v_ids
    from (
        select u.namespace, u.id from memory_data.usage as u
        join memory._memories as m
            on m.namespace = u.namespace and m.id = u.id and m.layer = p_layer and m.expires_at > p_now
        order by u.last_access desc nulls last, u.namespace, u.id
        limit p_limit) as u;
    return query
    with verdict as materialized (
        select j.criteria, j.failing
        from memory._judge_records(p_layer, v_namespaces, v_ids, p_now) as j
    )
    select c.key, v_records, count(*),
        count(*) filter (where not (c.value ->> 'passed')::boolean),
        count(*) filter (where v.failing = memory._criterion_bit(c.key)),
        count(*) filter (where not (c.value ->> 'passed')::boolean)::double precision / count(*)
    from verdict as v
    cross join lateral jsonb_each(v.criteria) as c
    group by c.key
    order by count(*) filter (where not (c.value ->> 'passed')::boolean) desc, c.key;
end;
$function$;

comment on function memory.blocking_criteria is
'For every criterion how many records of a layer fail it, and how many fail nothing else.';
