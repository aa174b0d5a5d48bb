-- How many uses an hour of keeping a record brings, at the start of each step of idle time, given
-- the chance of a use within each step (0 first).
--
-- A record is kept for as long as that pays: of all times to keep it on, the one with the most uses
-- an hour counts (Gittins' index). So one rule covers what other policies are made for: where a
-- long idle record is seldom used again it ranks like LRU, where frequent use tells more like LFU,
-- records used once leave early (S3-FIFO's small queue), and in a loop the longest idle are the
-- next to be used and stay. It is found from the last step backwards: a step joins the later ones
-- as long as that raises its uses an hour.
create or replace function memory._reuse_index(p_hazard double precision[])
returns double precision[]
language plpgsql
immutable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_index double precision[] := array_fill(0::double precision, array[cardinality(p_hazard)]);
    v_chances double precision[] := array[]::double precision[];
    v_times double precision[] := array[]::double precision[];
    v_chance double precision;
    v_time double precision;
    v_top integer := 0;
begin
    for v_step in reverse cardinality(p_hazard) - 1 .. 0 loop
        v_chance := p_hazard[v_step + 1];
        -- seconds of the step, half of them for a record that is used within it
        v_time := (1 - v_chance / 2)
            * case when v_step = 0 then 1 else 2 ^ (v_step / 2.0::double precision) * (1 - sqrt(0.5::double precision)) end;
        while v_top > 0 and v_chances[v_top] * v_time > v_chance * v_times[v_top] loop
            v_time := v_time + (1 - v_chance) * v_times[v_top];
            v_chance := v_chance + (1 - v_chance) * v_chances[v_top];
            v_top := v_top - 1;
        end loop;
        v_top := v_top + 1;
        v_chances[v_top] := v_chance;
        v_times[v_top] := v_time;
        v_index[v_step + 1] := 3600 * v_chance / v_time;
    end loop;
    return v_index;
end;
$function$;

comment on function memory._reuse_index is
'Uses an hour of keeping a record brings, at each step of idle time, from the chances of a use.';
