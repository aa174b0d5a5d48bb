-- Lends budget that layers do not need to those that do, and takes it back; p_pressure: the rows of
-- memory.measure_pressure as JSON.
--
-- A layer needs what keeps its usage at borrow_percent. Of its own max_bytes it always has that; the
-- rest of the total (memory._total_budget) is lent in the order of the layers, in steps of a hundredth
-- of the borrower's max_bytes and up to borrow_limit_percent of them. A layer gets more only while its
-- pressure is low, which is where lending is the relief; it gives back what it no longer needs, or what
-- the owners need again, at any level.
create or replace function memory._share_budget(p_pressure jsonb)
returns table (
    layer text, level text, live_bytes bigint, max_bytes bigint, borrowed_before bigint, borrowed_after bigint
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_target constant double precision := memory._setting('borrow_percent')::double precision;
    v_limit constant double precision := memory._setting('borrow_limit_percent')::double precision;
    v_layer record;
    v_free bigint;
    v_step bigint;
begin
    select greatest(memory._total_budget() - sum(least(p.max_bytes, p.live_bytes * 100 / v_target)), 0)::bigint
    into v_free
    from jsonb_to_recordset(p_pressure) as p (layer text, live_bytes bigint, max_bytes bigint)
    where p.layer <> 'total';

    for v_layer in
        select p.* from jsonb_to_recordset(p_pressure) as p (
            layer text, level text, live_bytes bigint, max_bytes bigint, borrowed_bytes bigint)
        join memory_data.layer as l on l.name = p.layer
        order by l.position
    loop
        layer := v_layer.layer;
        level := v_layer.level;
        live_bytes := v_layer.live_bytes;
        max_bytes := v_layer.max_bytes;
        borrowed_before := v_layer.borrowed_bytes;
        v_step := greatest(max_bytes / 100, 1);
        borrowed_after := ceil(greatest(live_bytes * 100 / v_target - max_bytes, 0) / v_step) * v_step;
        borrowed_after := least(
            borrowed_after, floor(max_bytes * v_limit / 100)::bigint, v_free - v_free % v_step);
        if level <> 'low' then
            borrowed_after := least(borrowed_after, borrowed_before);
        end if;
        v_free := v_free - borrowed_after;
        return next;
    end loop;
end;
$function$;

comment on function memory._share_budget is
'What each layer may borrow of the total budget, beside what it has borrowed.';
