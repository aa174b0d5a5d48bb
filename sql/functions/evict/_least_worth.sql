-- The records of a layer that are worth least, lowest first: importance * recency / size.
--
-- importance: uses to expect an hour of keeping it, by how often and how regularly it was used, also
-- before it was once evicted (memory.learn_reuse), times what is said of it: the caller's hint (0.4),
-- the mean rating (0.3, the hint when nobody rated) and the kind's weight (0.2). That factor goes
-- from 1/2 to 2 in a layer lru_with_importance, so that use decides, and from 1/16 to 16 in others.
-- recency: the share of its importance that is left after lying idle, as learned.
-- size: bytes on disk, with its share of the indexes. Pinned and expired records are no candidates.
--
-- One pass over the layer and a top-N sort: nothing is looked up record by record. `offset 0` keeps
-- the planner from writing out each expression wherever it is used, which takes four times as long.
create or replace function memory._least_worth(p_layer text, p_now timestamptz, p_limit integer)
returns table (
    namespace text, id uuid, kind text, size integer, importance double precision,
    recency double precision, worth double precision, uses integer, gap real, last_use timestamptz
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_overhead integer := memory._setting('record_overhead_bytes')::integer;
    v_spread double precision := (select case l.eviction_policy when 'lru_with_importance' then 1 else 4 end
                                  from memory_data.layer as l where l.name = p_layer);
begin
    return query execute format($query$
        select i.namespace, i.id, i.kind, i.size, w.importance, w.recency,
            w.importance * w.recency / i.size, i.uses, i.gap, i.last_use
        from (
            select n.*, memory._idle_step(n.idle) as step, memory._reuse_class(n.uses, n.gap) as class
            from (
                select m.namespace, m.id, m.kind, u.gap,
                    m.size + $2 + coalesce(e.bytes, 0) as size,
                    1 + coalesce(u.past_uses, 0) + coalesce(u.access_count, 0) as uses,
                    coalesce(u.last_access, m.entered_at) as last_use,
                    greatest(0, date_part('epoch', $1 - coalesce(u.last_access, m.entered_at))) as idle,
                    (0.4 * m.importance + 0.2 * k.weight
                     + 0.3 * coalesce((u.rating_sum / nullif(u.rating_count, 0) - 1) / 4, m.importance))
                    / 0.9 as said
                from memory_data.%1$I as m
                left join memory_data.usage as u on u.namespace = m.namespace and u.id = m.id
                join memory_data.kind as k on k.name = m.kind
                left join (select o.id, 2 * o.dim + 8 as bytes from memory_data.embedding_model as o)
                    as e on e.id = m.model
                where not m.pinned and m.expires_at > $1
                offset 0) as n
            offset 0) as i
        left join memory_data.reuse_curve as c on c.layer = %1$L and c.class = i.class
        cross join lateral (
            select coalesce(c.importance, 1) * 2 ^ ($3 * (2 * i.said - 1)) as importance,
                coalesce(
                    c.recency[i.step + 1]
                    -- how far into the step it is, on the scale of the steps
                    + (c.recency[i.step + 2] - c.recency[i.step + 1])
                    * case when i.step > 0
                        then least(1, 1 + 2 * ln(i.idle) / ln(2::double precision) - i.step) else 0 end,
                    1 / (1 + i.idle)) as recency) as w
        order by 7, i.namespace, i.id
        limit $4
        $query$, p_layer)
    using p_now, v_overhead, v_spread, p_limit;
end;
$function$;

comment on function memory._least_worth is
'The records of a layer with the lowest importance * recency / size, lowest first.';
