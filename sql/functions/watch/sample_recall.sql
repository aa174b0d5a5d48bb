-- Search for some of the vectors that were asked for lately, compare with all there are, and keep how
-- many of the ten nearest were found: what recall is in truth, not in a benchmark. Equally near
-- memories count as found. p_limit searches a call; one costs a scan of its namespace.
create or replace function memory.sample_recall(p_now timestamptz default now(), p_limit integer default 3)
returns table (hits integer, wanted integer)
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
#variable_conflict use_column
declare
    v_model smallint := (select a.model_id from memory._active_model() as a);
    v_pages integer := (select greatest(c.relpages, 1) from pg_class as c
                        where c.oid = 'memory_data.recent_query'::regclass);
    v_asked record;
begin
    if not memory._lock_job('memory.sample_recall') then
        return;
    end if;
    for v_asked in
        select q.namespace, q.embedding
        -- some pages of many, all of few
        from memory_data.recent_query as q tablesample system (least(100, 5000.0 / v_pages))
        where q.model = v_model
        order by random()
        limit p_limit
    loop
        select count(*) filter (where s.score >= t.tenth - 1e-6), t.wanted
        into hits, wanted
        from (
            select min(n.similarity) as tenth, count(*)::integer as wanted
            from (
                select 1 - (m.embedding <=> v_asked.embedding) as similarity
                from memory._memories as m
                where m.namespace = v_asked.namespace and m.model = v_model
                    and m.embedding is not null and m.expires_at > p_now
                order by 0 + (m.embedding <=> v_asked.embedding)
                limit 10) as n) as t
        cross join lateral memory.search(
            v_asked.namespace, null, v_asked.embedding, 10, p_now => p_now) as s
        where t.wanted > 0
        group by t.wanted;
        continue when wanted is null;
        hits := least(hits, wanted);
        insert into memory_data.recall_sample (at, found, wanted) values (p_now, hits, wanted);
        return next;
    end loop;
end;
$function$;

comment on function memory.sample_recall is
'Compare some searches with exact ones and keep how many of the nearest were found.';
