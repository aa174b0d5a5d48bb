-- Whether a partition that memories still enter has use of search indexes of its own (HNSW, words): whether
-- a namespace that is searched by them has many memories there. A namespace is, from exact_rows live
-- memories on (memory._nearest); a tenth of so many in one partition are compared one by one sooner than
-- every insert could pay for an index (5.7 ms and 24 kB of WAL a row against 0.15 ms).
--
-- p_has: it stands there already, and stays until its namespaces are a quarter smaller, so that one about
-- the threshold does not build and drop it by turns.
--
-- Costs the counters of namespaces, not their memories: only where a counter (all that was ever stored)
-- says it may be are some counted, index-only.
create or replace function memory._needs_search_indexes(p_partition text, p_has boolean, p_now timestamptz)
returns boolean
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_rows constant integer := memory._setting('exact_rows')::integer * case when p_has then 0.75 else 1 end;
    v_here constant integer := ceil((v_rows + 1) / 10.0);
    v_namespace text;
begin
    for v_namespace in
        execute format(
            'select c.namespace '
            'from (select n.namespace from memory_data.change_counter as n '
            '      group by n.namespace having sum(n.stored) > $1) as c '
            'cross join lateral (select count(*) as here from ('
            '    select from memory_data.%I as m where m.namespace = c.namespace and m.expires_at > $2 limit $3) as m) as k '
            'where k.here >= $3', p_partition)
        using v_rows, p_now, v_here
    loop
        if memory._count_passing(v_namespace, null, v_rows + 1, p_now) > v_rows then
            return true;
        end if;
    end loop;
    return false;
end;
$function$;

comment on function memory._needs_search_indexes is
'Whether a namespace that is searched by index has many memories in a partition.';
