-- Delete memories for good, by id. What is named and is not there is no error: the answer says what
-- went: expired memories whose bytes are still there too. One decision row each stays, without the content.
create or replace function memory.forget(
    p_namespace text, p_ids uuid[], p_dry_run boolean default false, p_now timestamptz default now()
)
returns table (id uuid, layer text, kind text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    if p_dry_run then
        return query
        select m.id, m.layer, m.kind from memory._memories as m
        where m.namespace = p_namespace and m.id = any (p_ids);
        return;
    end if;
    -- evicted ones: how they were used
    delete from memory_data.ghost as g where g.namespace = p_namespace and g.id = any (p_ids);
    -- Upwards, each with a snapshot of its own: what is promoted meanwhile is waited for in its layer
    -- and found in the next.
    return query
    with gone as materialized (
        select d.id, 'interact'::text as layer, d.kind from memory._delete('interact', p_namespace, p_ids) as d
        union all
        select d.id, 'insights'::text, d.kind from memory._delete('insights', p_namespace, p_ids) as d
        union all
        select d.id, 'assets'::text, d.kind from memory._delete('assets', p_namespace, p_ids) as d
    ),
    decided as (
        insert into memory_data.decision (namespace, id, at, action, layer, kind)
        select p_namespace, g.id, p_now, 'forget', g.layer, g.kind from gone as g
    )
    select g.id, g.layer, g.kind from gone as g;
    if found then
        perform memory._note_change(p_namespace);
    end if;
end;
$function$;

comment on function memory.forget is
'Delete memories by id, with usage, history and events; returns what went. p_dry_run changes nothing.';
