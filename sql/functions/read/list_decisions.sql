-- Decisions about memories of a namespace, newest first, a page at a time; also of memories that are
-- gone. The cursor is `at`, `id`, `action` and `layer` of the last row of the page before: no two
-- rows share all of them.
--
-- enable_sort off: in the order of the index, sorting only what shares a moment; the planner, who
-- takes a namespace for a few rows, would sort all of its decisions for a page of 50.
create or replace function memory.list_decisions(
    p_namespace text,
    p_limit integer default 50,
    p_after_at timestamptz default null,
    p_after_id uuid default null,
    p_after_action text default null,
    p_after_layer text default null,
    p_id uuid default null,
    p_actions text[] default null,
    p_layer text default null,
    p_since timestamptz default null
)
returns table (
    id uuid, namespace text, at timestamptz, action text, layer text, to_layer text, kind text,
    to_kind text, route text, score double precision, criteria jsonb, model text, job_run bigint,
    records bigint, detail jsonb, actor text
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set enable_sort to off
as $function$
#variable_conflict use_column
declare
    v_nobody constant uuid := uuid '00000000-0000-0000-0000-000000000000';
    -- variables, for under row security nothing else bounds an index: see memory.list_memories
    v_before timestamptz := coalesce(p_after_at, 'infinity');
    v_since timestamptz := coalesce(p_since, '-infinity');
begin
    perform memory._check_namespace(p_namespace);
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception 'limit is outside 1..1000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = 'Ask for the next page with the cursor of this one.';
    end if;
    if p_layer is not null and not exists (select from memory_data.layer as l where l.name = p_layer) then
        raise exception 'layer "%" is not known', p_layer
            using errcode = 'ML422',
                  detail = (select 'Known: ' || string_agg(l.name, ', ' order by l.position)
                            from memory_data.layer as l),
                  hint = 'select * from memory.layers;';
    end if;
    return query
    select d.id, d.namespace, d.at, d.action, d.layer, d.to_layer, d.kind, d.to_kind, d.route, d.score,
        d.criteria, d.model, d.job_run, d.records, d.detail, d.actor
    from memory_data.decision as d
    where d.namespace = p_namespace and d.at <= v_before and d.at >= v_since
        and (p_after_at is null
             or (d.at, coalesce(d.id, v_nobody), d.action, d.layer)
                < (p_after_at, coalesce(p_after_id, v_nobody), p_after_action, p_after_layer))
        and (p_id is null or d.id = p_id)
        and (p_actions is null or d.action = any (p_actions))
        and (p_layer is null or d.layer = p_layer or d.to_layer = p_layer)
    order by d.at desc, coalesce(d.id, v_nobody) desc, d.action desc, d.layer desc
    limit p_limit;
end;
$function$;

comment on function memory.list_decisions is
'Decisions about memories of a namespace, newest first, by cursor.';
