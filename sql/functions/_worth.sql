-- The records of a layer that are worth least, lowest first: importance * recency / size.
--
-- importance: uses to expect an hour of keeping it, by how often and how regularly it was used, also
-- before it was once evicted (memory.learn_reuse), times what is said of it: the caller's hint (0.4),
-- the mean rating (0.3, the hint when nobody rated) and the kind's weight (0.2). That factor goes
-- from 1/2 to 2 in a layer lru_with_importance, so that use decides, and from 1/16 to 16 in others.
-- recency: the share of its importance that is left after lying idle, as learned.
-- size: bytes on disk, with its share of the indexes. Pinned and expired records are no candidates.
--
-- One pass over the layer and a top-N sort: nothing is looked up record by record.
create or replace function memory._worth(p_layer text, p_now timestamptz, p_limit integer)
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
        select w.namespace, w.id, w.kind, w.size, w.importance, w.recency,
            w.importance * w.recency / w.size, w.uses, w.gap, w.last_use
        from (
            select t.namespace, t.id, t.kind, t.uses, t.gap, t.last_use,
                t.size + $2 + coalesce(e.bytes, 0) as size,
                coalesce(c.importance, 1) * 2 ^ ($3 * (2 * s.said - 1)) as importance,
                coalesce(c.recency[i.step + 1] + i.within * (c.recency[least(55, i.step + 1) + 1]
                                                             - c.recency[i.step + 1]),
                         1 / (1 + i.seconds)) as recency
            from memory._tracked as t
            join memory_data.kind as k on k.name = t.kind
            left join (select m.id, 2 * m.dim + 8 as bytes from memory_data.embedding_model as m) as e
                on e.id = t.model
            left join memory_data.reuse_curve as c
                on c.layer = %1$L and c.class = memory._reuse_class(t.uses, t.gap)
            cross join lateral (
                select (0.4 * t.importance + 0.2 * k.weight
                        + 0.3 * coalesce((t.rating_sum / nullif(t.rating_count, 0) - 1) / 4, t.importance))
                       / 0.9 as said) as s
            cross join lateral (
                select greatest(0, extract(epoch from $1 - t.last_use)::double precision) as seconds) as l
            cross join lateral (
                select l.seconds, memory._idle_step(l.seconds) as step,
                    -- how far into the step, on the scale of the steps
                    case when l.seconds >= 1 then least(1, 1 + 2 * ln(l.seconds) / ln(2::double precision)
                                                           - memory._idle_step(l.seconds))
                         else 0 end as within) as i
            where t.layer = %1$L and not t.pinned and t.expires_at > $1
        ) as w
        order by 7, w.namespace, w.id
        limit $4
        $query$, p_layer)
    using p_now, v_overhead, v_spread, p_limit;
end;
$function$;

comment on function memory._worth is
'The records of a layer with the lowest importance * recency / size, lowest first.';
