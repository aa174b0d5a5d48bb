-- Makes the policy rows say what a configuration says; with p_dry_run only tells the differences,
-- which is how `magray check` finds drift. Only keys that are given are compared. A budget below what an
-- empty layer takes is refused, in a dry run too.
--
-- {"layers": {"interact": {"ttl": "24:00:00", "max_bytes": 536870912, "eviction_policy": "…",
--  "promotion_threshold": 0.7, "archive_first": false, "archive_after": "30 days"}},
--  "settings": {"hnsw_m": 16}}; ttl null: permanent, archive_after null: never.
create or replace function memory.apply_policy(p_policy jsonb, p_dry_run boolean default false)
returns table (item text, was text, becomes text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_change record;
begin
    perform memory._check_budgets(p_policy);
    for v_change in
        select l.key as layer, f.key as field, to_jsonb(r) ->> f.key as was,
            f.value #>> '{}' as becomes, l.value as given, to_jsonb(r) -> f.key = f.value as same
        from jsonb_each(p_policy -> 'layers') as l
        join memory_data.layer as r on r.name = l.key
        cross join lateral jsonb_each(l.value) as f
        where f.key in ('ttl', 'max_bytes', 'eviction_policy', 'promotion_threshold', 'archive_first',
                        'archive_after')
    loop
        if v_change.field in ('ttl', 'archive_after') then
            continue when v_change.was::interval is not distinct from v_change.becomes::interval;
        else
            continue when v_change.same;
        end if;
        if not p_dry_run then
            if v_change.field in ('ttl', 'max_bytes') then
                -- both at once: what is between the two may be less than an empty layer takes
                update memory_data.layer as r
                set ttl = case when v_change.given ? 'ttl' then (v_change.given ->> 'ttl')::interval else r.ttl end,
                    max_bytes = coalesce((v_change.given ->> 'max_bytes')::numeric::bigint, r.max_bytes)
                where r.name = v_change.layer;
            else
                execute format('update memory_data.layer set %I = %L where name = %L',
                               v_change.field, v_change.becomes, v_change.layer);
            end if;
            if v_change.field = 'ttl' then
                update memory_data.layer as r set reach = greatest(r.reach, r.ttl + r.partition_step)
                where r.name = v_change.layer and r.ttl is not null;
            end if;
            -- the step's rule on the ML score is the layer's threshold
            if v_change.field = 'promotion_threshold' then
                update memory_data.promotion_rule as p set threshold = v_change.becomes::double precision
                where p.layer = v_change.layer and p.criterion = 'ml_score';
            end if;
        end if;
        item := 'layer ' || v_change.layer || ' ' || v_change.field;
        was := v_change.was;
        becomes := v_change.becomes;
        return next;
    end loop;
    for v_change in
        select s.key, r.value as was, s.value as becomes
        from jsonb_each(p_policy -> 'settings') as s
        join memory_data.setting as r on r.key = s.key
        where r.value <> s.value
    loop
        if not p_dry_run then
            update memory_data.setting as s set value = v_change.becomes where s.key = v_change.key;
        end if;
        item := 'setting ' || v_change.key;
        was := v_change.was;
        becomes := v_change.becomes;
        return next;
    end loop;
end;
$function$;

comment on function memory.apply_policy is
'Write a configuration into the policy rows; returns each difference. p_dry_run only tells them.';
