-- Detaches one partition from a table whose lock the caller has, if nobody uses it and nothing in it is
-- pinned, for memory._drop_detached_partitions: its files are freed when no lock of ours is held. It is named
-- gone_<oid>_<its name>, and indexes of its own anew, for a partition of the same time may be made, and
-- detached, again. A detach that somebody left unfinished is finished.
create or replace function memory._detach_partition(p_parent text, p_name text)
returns boolean
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_partition constant regclass := format('memory_data.%I', p_name)::regclass;
    v_gone constant text := format('gone_%s', v_partition::oid);
    v_pinned boolean := false;
    v_index text;
begin
    execute format('lock table memory_data.%I in access exclusive mode nowait', p_name);
    if p_parent in (select l.name from memory_data.layer as l) then
        execute format('select exists (select from memory_data.%I as m where m.pinned)', p_name) into v_pinned;
    end if;
    if v_pinned then
        return false;
    end if;
    for v_index in
        select c.relname from pg_index as x
        join pg_class as c on c.oid = x.indexrelid
        where x.indrelid = v_partition and not c.relispartition
    loop
        execute format('alter index memory_data.%I rename to %I', v_index,
                       v_gone || substr(v_index, length(p_name) + 1));
    end loop;
    execute format(
        'alter table memory_data.%I detach partition memory_data.%I %s', p_parent, p_name,
        case when (select i.inhdetachpending from pg_inherits as i where i.inhrelid = v_partition)
             then 'finalize' else '' end);
    execute format('alter table memory_data.%I rename to %I', p_name, format('%s_%s', v_gone, p_name));
    return true;
exception when lock_not_available then
    raise notice '% is in use, it is dropped later', p_name;
    return false;
end;
$function$;

comment on function memory._detach_partition is
'Take one partition out of its table unless somebody uses it or something in it is pinned; says whether '
'it did.';
