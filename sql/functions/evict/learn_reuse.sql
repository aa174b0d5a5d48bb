-- Learns, for each layer, what eviction ranks by: how many uses an hour of keeping a record brings,
-- by how it was used before (class) and how long it has been idle (step).
--
-- importance is that of a record used just now; recency the share of it that is left after idling:
-- 1 at first, then as it is in this layer, not by an assumed half-life. A layer is passed over when
-- nothing of it was used yet (it ranks by LRU then), or when it learned less than an hour ago and has
-- counted less than a twentieth more since: so it may be called every minute, and learns soon where
-- much happens. Uses counted long ago fade: when there
-- are ten for each record known, all are halved (at twenty or never: the same misses on traces that
-- hold steady).
create or replace function memory.learn_reuse(p_now timestamptz default now())
returns table (layer text, records bigint, uses bigint)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer text;
    v_uses double precision;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('memory.learn_reuse', 0)) then
        raise notice 'learn_reuse is already running';
        return;
    end if;
    for v_layer in select l.name from memory_data.layer as l order by l.position loop
        v_uses := (select coalesce(sum(r.uses), 0) from memory_data.reuse as r where r.layer = v_layer);
        continue when v_uses = 0 or exists (
            select from memory_data.reuse_curve as c
            where c.layer = v_layer and c.class = 0 and c.learned_at > p_now - interval '1 hour'
                and abs(v_uses - c.uses) <= c.uses / 20);
        with hazard as (
            select h.class, array_agg(h.hazard order by h.step) as hazards,
                sum(h.uses) as uses, sum(h.idle) as records
            from memory._reuse_hazard(v_layer, p_now) as h
            group by h.class
        ),
        indexed as materialized (
            -- one more, for what lies idle beyond the last step
            select h.class, x.index || x.index[56] / 2 as index
            from hazard as h
            cross join lateral memory._reuse_index(h.hazards) as x (index)
        ),
        learned as (
            insert into memory_data.reuse_curve as c
                (layer, class, importance, recency, learned_at, uses)
            select v_layer, i.class, i.index[1],
                (select array_agg((s.value / i.index[1])::real order by s.place)
                 from unnest(i.index) with ordinality as s (value, place)), p_now, v_uses
            from indexed as i
            order by i.class
            on conflict (layer, class) do update
            set importance = excluded.importance, recency = excluded.recency,
                learned_at = excluded.learned_at, uses = excluded.uses
        )
        select v_layer, sum(h.records), sum(h.uses) into layer, records, uses from hazard as h;
        if uses > 10 * records then
            update memory_data.reuse as r set uses = r.uses / 2
            from (select o.* from memory_data.reuse as o where o.layer = v_layer
                  order by o.slot, o.class, o.step for update) as o
            where r.layer = o.layer and r.slot = o.slot and r.class = o.class and r.step = o.step;
            delete from memory_data.reuse as r where r.layer = v_layer and r.uses < 0.1;
            update memory_data.reuse_curve as c set uses = c.uses / 2 where c.layer = v_layer and c.class = 0;
        end if;
        return next;
    end loop;
end;
$function$;

comment on function memory.learn_reuse is
'Learn from the uses counted what eviction ranks by; returns records and uses known, by layer.';
