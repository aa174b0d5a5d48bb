-- Which partitions ought to be there at p_now. A layer keyed by expires_at reaches from now to its
-- longest life plus its steps ahead; one keyed by entered_at, and the logs, from now on ahead.
create or replace function memory._wanted_partitions(p_now timestamptz)
returns table (parent text, suffix text, starts timestamptz, ends timestamptz)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
declare
    v_table record;
    v_start timestamptz;
begin
    for v_table in
        select l.name, l.partition_step as step,
               p_now + coalesce(l.ttl, '0') + l.partitions_ahead * l.partition_step as horizon
        from memory_data.layer as l
        union all
        select g.name, g.step, p_now + 7 * g.step
        from memory._partitioned_logs(p_now) as g
    loop
        v_start := memory._partition_start(v_table.step, p_now);
        while v_start <= v_table.horizon loop
            parent := v_table.name;
            starts := v_start;
            ends := v_start + v_table.step;
            suffix := memory._partition_suffix(v_table.name, v_start);
            return next;
            v_start := ends;
        end loop;
    end loop;
end;
$function$;

comment on function memory._wanted_partitions is
'The partitions that ought to exist at a moment, from the steps and horizons of the policy.';
