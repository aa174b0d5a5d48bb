-- Delete memories of a whole namespace, archived ones too, a bounded batch a call, until it returns
-- nothing. With the last of them goes all else that is of the namespace: what was asked in it, what is
-- remembered of the use of evicted ones, answers of its writes, and what hung on memories that went by
-- themselves (their edits hold what they said). Only decisions stay. Uses are found by no index: they are
-- read as a whole.
create or replace function memory.forget_namespace(
    p_namespace text, p_dry_run boolean default false, p_limit integer default 1000,
    p_now timestamptz default now()
)
returns table (id uuid, layer text, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_ids uuid[];
    v_table text;
begin
    perform memory._check_namespace(p_namespace);
    if p_limit is null or p_limit not between 1 and 100000 then
        raise exception 'limit is outside 1..100000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = format('select * from memory.forget_namespace(%L, p_limit => 1000);', p_namespace);
    end if;
    select coalesce(array_agg(b.id), '{}') into v_ids
    from (
        select m.id from memory._memories as m where m.namespace = p_namespace
        union all
        select o.id from memory_data.archive_outbox as o where o.namespace = p_namespace
        union all
        select i.id from memory_data.archived as i where i.namespace = p_namespace
        limit p_limit) as b;
    -- Each a statement of its own: one that deletes what a function it calls has deleted fails.
    return query
    select f.id, f.layer, f.kind from memory.forget(p_namespace, v_ids, p_dry_run, p_now) as f;
    if cardinality(v_ids) < p_limit and not p_dry_run then
        foreach v_table in array array[
            'recent_query', 'ghost', 'idempotency', 'usage', 'score', 'revision', 'access_event',
            'embedding_failure']
        loop
            execute format('delete from memory_data.%I as t where t.namespace = $1', v_table) using p_namespace;
        end loop;
        perform memory._forget_detached(p_namespace);
    end if;
end;
$function$;

comment on function memory.forget_namespace is
'Delete up to p_limit memories of a namespace; call until nothing comes back.';
