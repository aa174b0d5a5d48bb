-- Makes the partitions of every partitioned table up to its horizon. Never drops one: creation and
-- retention are separate jobs, so that a failing drop can never leave inserts without a partition.
-- Runs with the owner's rights, for a new partition needs the parent's owner.
create or replace function memory.make_partitions(p_now timestamptz default now(), p_limit integer default 100)
returns table (partition_name text, from_value timestamptz, to_value timestamptz)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
declare
    v_part record;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('memory.make_partitions', 0)) then
        raise notice 'make_partitions is already running';
        return;
    end if;

    for v_part in
        select w.parent, w.starts, w.ends
        from memory._wanted_partitions(p_now) as w
        where to_regclass(format('memory_data.%I', w.parent || '_' || w.suffix)) is null
        order by w.starts, w.parent
        limit p_limit
    loop
        perform memory._make_partition(v_part.parent, v_part.starts, v_part.ends);
        partition_name := v_part.parent || '_' || memory._partition_suffix(v_part.parent, v_part.starts);
        from_value := v_part.starts;
        to_value := v_part.ends;
        return next;
    end loop;
end;
$function$;

comment on function memory.make_partitions is
'Make the coming partitions of layers and logs; returns those it made.';
