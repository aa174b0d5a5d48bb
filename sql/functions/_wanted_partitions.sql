-- Which partitions ought to be there at p_now. A layer keyed by expires_at reaches from now to its
-- longest life plus its steps ahead; one keyed by entered_at, and the logs, from now on ahead.
-- Bounds are whole steps since 2000-01-01 UTC, so two runs never disagree about them.
create or replace function memory._wanted_partitions(p_now timestamptz)
returns table (parent text, suffix text, starts timestamptz, ends timestamptz)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
declare
    v_origin constant timestamptz := timestamptz '2000-01-01 00:00:00+00';
    v_table record;
    v_start timestamptz;
begin
    for v_table in
        select l.name, l.partition_step as step,
               p_now + coalesce(l.ttl, '0') + l.partitions_ahead * l.partition_step as horizon
        from memory_data.layer as l
        union all
        select v.name, v.step, p_now + 7 * v.step
        from (values ('access_event', interval '1 day'), ('decision', interval '1 month'),
                     ('revision', interval '1 month')) as v (name, step)
    loop
        v_start := case
            -- by its fields: as values, '30 days' = '1 month' and '1 year' = '360 days'
            when extract(year from v_table.step) > 0 then date_trunc('year', p_now)
            when extract(month from v_table.step) > 0 then date_trunc('month', p_now)
            else date_bin(v_table.step, p_now, v_origin)
        end;
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
