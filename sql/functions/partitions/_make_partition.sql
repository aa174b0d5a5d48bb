-- One partition with everything a partition needs. Row security is switched on for it too: a
-- partition asked by its own name obeys its own policies only. Made by itself and attached when it is
-- complete: CREATE TABLE PARTITION OF would wait for every reader of the parent, and every new reader
-- for it; attaching waits for no reader and no writer.
create or replace function memory._make_partition(p_parent text, p_start timestamptz, p_end timestamptz)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
declare
    v_name text := p_parent || '_' || memory._partition_suffix(p_parent, p_start);
    v_policy record;
begin
    execute format('create table memory_data.%I (like memory_data.%I including all)', v_name, p_parent);
    execute format('alter table memory_data.%I enable row level security', v_name);
    execute format('alter table memory_data.%I force row level security', v_name);
    for v_policy in
        select p.policyname, p.roles, p.qual, p.with_check
        from pg_policies as p
        where p.schemaname = 'memory_data' and p.tablename = p_parent
    loop
        execute format('create policy %I on memory_data.%I to %s using (%s) %s',
                       replace(v_policy.policyname, p_parent, v_name), v_name,
                       array_to_string(v_policy.roles, ', '), v_policy.qual,
                       coalesce('with check (' || v_policy.with_check || ')', ''));
    end loop;
    -- Inserts leave pages that are not all-visible, and index-only scans then read the heap:
    -- vacuum after a few thousand inserts, not after a fifth of the partition.
    execute format('alter table memory_data.%I set (autovacuum_vacuum_insert_threshold = 1000, '
                   'autovacuum_vacuum_insert_scale_factor = 0.05, '
                   'autovacuum_analyze_scale_factor = 0.05)', v_name);
    execute format('alter table memory_data.%I attach partition memory_data.%I for values from (%L) to (%L)',
                   p_parent, v_name, p_start, p_end);
    if exists (select from memory_data.layer as l where l.name = p_parent) then
        execute format('create index %I on memory_data.%I %s', v_name || '_exact', v_name,
                       memory._exact_index_definition(p_parent));
    end if;
end;
$function$;

comment on function memory._make_partition is
'Create one partition with row security, autovacuum settings and, of a layer, the index of exact search.';
