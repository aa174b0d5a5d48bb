-- Drops what memory._detach_partition detached: frees its files, and locks nothing that anybody reads.
-- One that is in use by its own name (a dump) is left for the next time. p_limit: at most so many.
create or replace function memory._drop_detached_partitions(p_limit integer, p_dry_run boolean)
returns setof text
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_name text;
begin
    for v_name in select d.name from memory._detached_partitions() as d limit p_limit loop
        begin
            if not p_dry_run then
                execute format('lock table memory_data.%I in access exclusive mode nowait', v_name);
                execute format('drop table memory_data.%I', v_name);
            end if;
            return next v_name;
        exception when lock_not_available then
            raise notice '% is in use, it is dropped later', v_name;
        end;
    end loop;
end;
$function$;

comment on function memory._drop_detached_partitions is
'Drop the tables of detached partitions; returns their names.';
