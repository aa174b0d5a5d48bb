-- Memories that wait for their vector, with the text to embed and how often it failed. Those whose text
-- failed wait until their next attempt.
--
-- First those named (p_namespaces, p_ids: somebody waits for them), in the order of their names. Then,
-- where p_others says so, the namespaces take turns, the oldest memory of each: one that stored
-- thousands holds up nobody. Turns begin behind p_after, the namespace that came last before; a call
-- looks at no more than 64 of them.
create or replace function memory.pending_embeddings(
    p_limit integer default 32, p_now timestamptz default now(), p_after text default null,
    p_namespaces text[] default '{}', p_ids uuid[] default '{}', p_others boolean default true
)
returns table (namespace text, id uuid, document text, attempts integer)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_turns text[] := '{}'::text[];
    v_last text := p_after;
    v_next text;
    v_until text;
begin
    while p_others and cardinality(v_turns) < least(p_limit, 64) loop
        v_next := memory._next_pending_namespace(v_last, v_until, p_now);
        if v_next is null then
            exit when v_until is not null or p_after is null;
            -- once around, from the first to the one that came last
            v_until := p_after;
            v_last := null;
        else
            v_turns := v_turns || v_next;
            v_last := v_next;
        end if;
    end loop;
    return query
    select w.namespace, w.id, memory._text_to_embed(w.content, w.metadata), coalesce(w.attempts, 0)
    from (
        select n.namespace, n.id, n.content, n.metadata, f.attempts, 0 as round, k.place
        from unnest(p_namespaces, p_ids) with ordinality as k (namespace, id, place)
        cross join lateral (
            select m.namespace, m.id, m.content, m.metadata
            from memory._memories as m
            where m.namespace = k.namespace and m.id = k.id and m.embedding is null and m.expires_at > p_now
            limit 1) as n
        left join memory_data.embedding_failure as f on f.namespace = n.namespace and f.id = n.id
        where f.next_attempt_at is null or f.next_attempt_at <= p_now
        union all
        select t.namespace, n.id, n.content, n.metadata, n.attempts,
            row_number() over (partition by t.place order by n.id), t.place
        from unnest(v_turns) with ordinality as t (namespace, place)
        cross join lateral memory._pending_of_namespace(t.namespace, p_limit, p_now) as n
        where n.id <> all (p_ids)
        order by round, place
        limit p_limit) as w
    order by w.round, w.place;
end;
$function$;

comment on function memory.pending_embeddings is
'Up to p_limit memories without a vector: those named, then round-robin over the namespaces, oldest first.';
