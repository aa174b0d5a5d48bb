-- Drops the partitions of what is only written and read back (uses, decisions, edits) once all in them
-- is older than its setting: access_event_days, decision_months, revision_months. They are detached
-- here; the next memory.expire frees their tables. Creation ahead is another job, so that a failing drop
-- never leaves a write without a partition. With the owner's rights, for a partition is detached by its
-- parent's owner.
create or replace function memory.purge_logs(
    p_now timestamptz default now(), p_limit integer default 8, p_dry_run boolean default false
)
returns table (table_name text, partition_name text, ends timestamptz)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
#variable_conflict use_column
declare
    v_log record;
    v_old text[];
    v_ends timestamptz[];
begin
    if not memory._lock_job('memory.purge_logs') then
        return;
    end if;
    for v_log in
        select g.name, g.horizon from memory._partitioned_logs(p_now) as g
    loop
        -- a statement of its own: the catalogue tells no bound of a partition that was dropped
        select array_agg(p.name), array_agg(p.ends) into v_old, v_ends
        from (select o.name, o.ends from memory._partitions_of_table(v_log.name) as o
              where o.ends <= v_log.horizon order by o.ends limit p_limit) as p;
        continue when v_old is null;
        return query
        with gone as materialized (
            select u.name from unnest(v_old) as u (name) where p_dry_run
            union all
            select d.name from memory._detach_partitions(
                v_log.name, case when p_dry_run then '{}' else v_old end) as d (name)
        )
        select v_log.name, o.name, o.ends
        from unnest(v_old, v_ends) as o (name, ends)
        join gone as g on g.name = o.name
        order by o.ends;
    end loop;
end;
$function$;

comment on function memory.purge_logs is
'Drop partitions of uses, decisions and edits older than their settings; returns those dropped.';
