-- Removes the change counters of namespaces that hold nothing, the next batch of namespaces. A counter
-- begins anew from the clock (memory._note_change), so a token is never seen twice.
create or replace function memory._purge_change_counters(p_limit integer, p_dry_run boolean)
returns table (namespace text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_after text;
    v_seen text[];
    v_empty text[];
begin
    select s.after_namespace into v_after from memory_data.sweep as s where s.table_name = 'change_counter';
    v_seen := array(select distinct c.namespace from memory_data.change_counter as c
                    where c.namespace > coalesce(v_after, '') order by c.namespace limit p_limit);
    v_empty := array(
        select u.namespace from unnest(v_seen) as u (namespace)
        where not exists (select from memory._memories as m where m.namespace = u.namespace));
    if p_dry_run then
        return query select u.namespace from unnest(v_empty) as u (namespace);
        return;
    end if;
    insert into memory_data.sweep as s (table_name, after_namespace)
    values ('change_counter', case when cardinality(v_seen) = p_limit then v_seen[p_limit] end)
    on conflict (table_name) do update set after_namespace = excluded.after_namespace;

    -- Whoever stores something now holds a counter's row, and keeps all of them; or waits for ours,
    -- finds it gone and makes one that counts what it stored.
    v_empty := array(
        select u.namespace from unnest(v_empty) as u (namespace)
        where (select count(*) from memory_data.change_counter as c where c.namespace = u.namespace)
            = (select count(*) from (
                select from memory_data.change_counter as c
                where c.namespace = u.namespace for update skip locked) as l));
    return query
    with gone as (
        delete from memory_data.change_counter as c
        where c.namespace = any (v_empty)
            and not exists (select from memory._memories as m where m.namespace = c.namespace)
        returning c.namespace)
    select distinct g.namespace from gone as g;
end;
$function$;

comment on function memory._purge_change_counters is
'Remove the change counters of namespaces without a memory, the next batch; returns the namespaces.';
