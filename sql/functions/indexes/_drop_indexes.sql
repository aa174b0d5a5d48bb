-- Drops indexes of one partition, or gives up after 200 ms: whoever reads it must not queue behind us.
-- False: somebody else was at it.
create or replace function memory._drop_indexes(p_partition text, p_suffixes text[])
returns boolean
language plpgsql
set search_path to pg_catalog, pg_temp
set lock_timeout to '200ms'
as $function$
declare
    v_index text;
begin
    foreach v_index in array p_suffixes loop
        if to_regclass(format('memory_data.%I', p_partition || '_' || v_index)) is not null then
            execute format('drop index memory_data.%I', p_partition || '_' || v_index);
        end if;
    end loop;
    return true;
exception
    when lock_not_available or deadlock_detected then
        raise notice 'partition % is in use, its indexes stay for now', p_partition;
        return false;
end;
$function$;

comment on function memory._drop_indexes is
'Drop indexes of a partition unless that would make others wait; whether it was done.';
