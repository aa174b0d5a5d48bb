-- Takes partitions out of one table, or as many as can be had without making anybody wait. Called by
-- what runs with the owner's rights; the caller's transaction ought to end soon after, for taking one
-- out locks the whole table.
--
-- While we wait for the lock every new reader waits behind us: 75 ms at most, and not at all while a
-- transaction that reads for long is there. Once we have it, no partition is waited for. Taking one
-- out takes 3 to 4 ms, whatever its size: the caller gives us few at once. DETACH CONCURRENTLY would wait
-- without a queue, but cannot run in a function, and it needs the readers gone as well.
create or replace function memory._detach_partitions(p_parent text, p_partitions text[])
returns setof text
language plpgsql
set search_path to pg_catalog, pg_temp
set lock_timeout to '75ms'
as $function$
declare
    v_holders text[];
    v_name text;
begin
    for v_try in 1..3 loop
        v_holders := memory._transactions_using(p_parent);
        exit when v_holders <> '{}';
        begin
            execute format('lock table only memory_data.%I in access exclusive mode', p_parent);
            foreach v_name in array p_partitions loop
                if memory._detach_partition(p_parent, v_name) then
                    return next v_name;
                end if;
            end loop;
            return;
        exception when lock_not_available then
            null; -- all is released; the next look waits a little
        end;
    end loop;
    raise notice '% is in use, its partitions are dropped later: %', p_parent, v_holders;
end;
$function$;

comment on function memory._detach_partitions is
'Take out partitions of a table that can be had within 75 ms; returns the names of those taken.';
