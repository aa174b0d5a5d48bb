-- Makes the partitions that rows of these moments need and that are not there: an import brings assets
-- that were entered years ago, and the history of memories. What is past the retention of a log
-- gets none, and the rows stay out (memory._put_records_back).
--
-- Waits for memory.make_partitions, which makes those to come.
create or replace function memory._make_partitions_for(p_parent text, p_moments timestamptz[], p_now timestamptz)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
declare
    v_part record;
begin
    for v_part in
        select distinct w.starts, w.step, format('memory_data.%I', p_parent || '_' || w.suffix) as name
        from (
            select t.starts, s.step, s.horizon, memory._partition_suffix(p_parent, t.starts) as suffix
            from (
                select l.partition_step as step, '-infinity'::timestamptz as horizon
                from memory_data.layer as l where l.name = p_parent
                union all
                select g.step, g.horizon
                from memory._partitioned_logs(p_now) as g where g.name = p_parent) as s
            cross join unnest(p_moments) as m (at)
            cross join lateral (select memory._partition_start(s.step, m.at) as starts) as t
            where isfinite(m.at)) as w
        where w.starts + w.step > w.horizon
            and to_regclass(format('memory_data.%I', p_parent || '_' || w.suffix)) is null
        order by w.starts
    loop
        perform pg_advisory_xact_lock(hashtextextended('memory.make_partitions', 0));
        if to_regclass(v_part.name) is null then
            perform memory._make_partition(p_parent, v_part.starts, v_part.starts + v_part.step);
        end if;
    end loop;
end;
$function$;

comment on function memory._make_partitions_for is
'Make the missing partitions of a layer or log for rows of these moments, within its retention.';
