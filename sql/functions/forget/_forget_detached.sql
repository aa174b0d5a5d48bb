-- Forgets records (null: all) of a namespace in the tables of partitions that memory._detach_partition
-- detached: nobody is shown those any more, and the next memory.expire drops them, but their bytes are
-- there until then. With the owner's rights, for nobody else may touch such a table; the service only
-- gets at the namespace set for its transaction. One that is dropped meanwhile is passed over.
create or replace function memory._forget_detached(p_namespace text, p_ids uuid[] default null)
returns void
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_name text;
begin
    if not memory._is_own_namespace(p_namespace) then
        return;
    end if;
    for v_name in select d.name from memory._detached_partitions() as d loop
        begin
            -- decisions say nothing of what it was
            if v_name !~ '^gone_\d+_decision_' then
                execute format(
                    'delete from memory_data.%I as t where t.namespace = $1 and ($2 is null or t.id = any ($2))',
                    v_name)
                using p_namespace, p_ids;
            end if;
        exception when undefined_table then
            null;
        end;
    end loop;
end;
$function$;

comment on function memory._forget_detached is
'Delete records of a namespace from the tables of detached partitions.';
