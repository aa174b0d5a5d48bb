-- Drops one partition of a table whose lock the caller has, if nobody uses it and nothing in it is
-- pinned. A detach that somebody left unfinished is finished first.
create or replace function memory._drop_partition(p_parent text, p_name text)
returns boolean
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_pinned boolean := false;
begin
    execute format('lock table memory_data.%I in access exclusive mode nowait', p_name);
    if p_parent in (select l.name from memory_data.layer as l) then
        execute format('select exists (select from memory_data.%I as m where m.pinned)', p_name) into v_pinned;
    end if;
    if v_pinned then
        return false;
    end if;
    if (select p.detaching from memory._partitions_of(p_parent) as p where p.name = p_name) then
        execute format('alter table memory_data.%I detach partition memory_data.%I finalize', p_parent, p_name);
    end if;
    execute format('drop table memory_data.%I', p_name);
    return true;
exception when lock_not_available then
    raise notice '% is in use, it is dropped later', p_name;
    return false;
end;
$function$;

comment on function memory._drop_partition is
'Drop one partition unless somebody uses it or something in it is pinned; says whether it did.';
