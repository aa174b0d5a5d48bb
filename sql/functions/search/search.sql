-- Find memories of a namespace by words, by a vector, or both. Embeds nothing.
--
-- Way: lexemes of p_query, nearest vectors of p_embedding (memory._nearest), both ranked together
-- (memory._rank) or the vectors alone; the rows are fetched by their ids at the end, so that ranking
-- moves no content. With a vector alone the score is the cosine similarity; with words it is the sum
-- of its parts, at most 1.7 (see memory._rank). Expired memories are never seen.
--
-- Measured on 500 memories: inner product instead of cosine gains nothing (reading the index pages is
-- the cost); one pass over the heap for vectors and rows won in one layer and lost in three; a join
-- with unnest for the rows instead of `id = any` takes 0.4 ms more (0.06 ms for 10 rows: one of 10
-- probes a partition).
--
-- p_filters: session, metadata (containment), created_after, created_before, language (of the words).
-- Who may not read the tables is answered by memory._analyst_search.
create or replace function memory.search(
    p_namespace text,
    p_query text default null,
    p_embedding halfvec default null,
    p_top_k integer default 10,
    p_layers text[] default null,
    p_kinds text[] default null,
    p_filters jsonb default '{}',
    p_now timestamptz default now(),
    p_explain boolean default false
)
returns table (
    id uuid, namespace text, content text, kind text, layer text, session text, metadata jsonb,
    score double precision, importance real, pinned boolean, created_at timestamptz,
    expires_at timestamptz, explain jsonb
)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_generic_plan
as $function$
#variable_conflict use_column
declare
    v_basis memory._basis;
    v_filter memory._filter;
    v_lexemes text[];
    v_one_layer boolean;
    v_limit integer;
    v_ids uuid[];
    v_scores double precision[];
    v_explain jsonb[];
    v_method text;
begin
    if not has_schema_privilege('memory_data', 'usage') then
        return query
        select * from memory._analyst_search(
            p_namespace, p_query, p_embedding, p_top_k, p_layers, p_kinds, p_filters, p_now, p_explain);
        return;
    end if;
    -- One statement for everything that is looked up: five cost 0.05 ms more.
    select p_namespace, p_now, c.stored, c.stored <= b.exact_rows, b.exact_rows, b.candidates, b.max_top_k,
        b.model, b.model_name, b.dim, c.interact_after, c.interact_end, c.insights_after, c.insights_end,
        c.assets_end
    into v_basis
    from memory_data.search_basis as b
    cross join (
        select coalesce(sum(n.stored), 0)::bigint as stored,
            greatest(min(n.interact_from) - interval '1 microsecond', p_now) as interact_after,
            max(n.interact_to) + interval '1 microsecond' as interact_end,
            greatest(min(n.insights_from) - interval '1 microsecond', p_now) as insights_after,
            max(n.insights_to) + interval '1 microsecond' as insights_end,
            max(n.assets_to) + interval '1 microsecond' as assets_end
        from memory_data.change_counter as n
        where n.namespace = p_namespace) as c;

    perform memory._check_search(
        p_namespace, p_query, p_embedding, p_top_k, v_basis.max_top_k, v_basis.dim, v_basis.model_name);
    v_one_layer := v_basis.whole and v_basis.insights_end is null and v_basis.assets_end is null
        and p_layers is null and p_kinds is null and p_filters = '{}';
    if p_layers is not null or p_kinds is not null or p_filters <> '{}' then
        v_filter := memory._parse_filters(p_layers, p_kinds, p_filters);
    end if;
    if p_query ~ '\S' then
        v_lexemes := memory._lexemes(p_query, v_filter.language);
    end if;
    v_limit := case when v_lexemes <> '{}' then greatest(p_top_k, v_basis.candidates) else p_top_k end;

    if p_embedding is not null and v_one_layer then
        -- What most namespaces are. Over all three layers, through memory._nearest and with the rows at
        -- the end likewise, `magray bench search` takes 10 % more for a vector (1.30 of the best by
        -- hand instead of 1.18).
        select array_agg(n.id), array_agg(1 - n.distance), 'exact'
        into v_ids, v_scores, v_method
        from (
            select i.id, 0 + (i.embedding <=> p_embedding) as distance
            from memory_data.interact as i
            where i.namespace = p_namespace and i.embedding is not null and i.model = v_basis.model
                and i.expires_at > v_basis.interact_after and i.expires_at < v_basis.interact_end
            order by 2
            limit v_limit) as n;
    elsif p_embedding is not null then
        select array_agg(n.id), array_agg(1 - n.distance), coalesce(max(n.method), 'exact')
        into v_ids, v_scores, v_method
        from memory._nearest(v_basis, v_filter, p_embedding, v_limit) as n;
    end if;
    if v_lexemes <> '{}' then
        select array_agg(r.id), array_agg(r.score),
            array_agg(case when p_explain then jsonb_build_object(
                'words', round(r.words::numeric, 4), 'meaning', round(r.meaning::numeric, 4),
                'speaker', r.speaker) end)
        into v_ids, v_scores, v_explain
        from memory._rank(
            v_basis, v_filter,
            case when v_basis.whole then v_lexemes
                 else memory._rare_lexemes(p_namespace, v_lexemes, v_basis.exact_rows / 4, p_now) end,
            v_lexemes, v_ids, v_scores, p_top_k, v_limit) as r;
    end if;

    if p_explain then
        -- apart, for the expressions alone take 0.05 ms to set up
        select array_agg(
            coalesce(h.parts, jsonb_build_object('similarity', round(h.score::numeric, 4)))
            || jsonb_build_object('lexemes', v_lexemes, 'vectors', v_method) order by h.place)
        into v_explain
        from unnest(v_scores, v_explain) with ordinality as h (score, parts, place);
    end if;
    if v_one_layer then
        return query
        select i.id, p_namespace, i.content, i.kind, 'interact'::text, i.session, i.metadata,
            v_scores[array_position(v_ids, i.id)], i.importance, i.pinned, i.created_at, i.expires_at,
            v_explain[array_position(v_ids, i.id)]
        from memory_data.interact as i
        where i.namespace = p_namespace and i.id = any (v_ids)
            and i.expires_at > v_basis.interact_after and i.expires_at < v_basis.interact_end
        order by array_position(v_ids, i.id);
        return;
    end if;
    return query
    select m.id, p_namespace, m.content, m.kind, m.layer, m.session, m.metadata, v_scores[m.place],
        m.importance, m.pinned, m.created_at, nullif(m.expires_at, 'infinity'), v_explain[m.place]
    from (
        select array_position(v_ids, i.id) as place, i.id, i.content, i.kind, 'interact'::text as layer,
            i.session, i.metadata, i.importance, i.pinned, i.created_at, i.expires_at
        from memory_data.interact as i
        where i.namespace = p_namespace and i.id = any (v_ids)
            and i.expires_at > v_basis.interact_after and i.expires_at < v_basis.interact_end
        union all
        select array_position(v_ids, i.id), i.id, i.content, i.kind, 'insights',
            i.session, i.metadata, i.importance, i.pinned, i.created_at, i.expires_at
        from memory_data.insights as i
        where i.namespace = p_namespace and i.id = any (v_ids)
            and i.expires_at > v_basis.insights_after and i.expires_at < v_basis.insights_end
        union all
        select array_position(v_ids, a.id), a.id, a.content, a.kind, 'assets',
            a.session, a.metadata, a.importance, a.pinned, a.created_at, a.expires_at
        from memory_data.assets as a
        where a.namespace = p_namespace and a.id = any (v_ids) and a.entered_at < v_basis.assets_end
    ) as m
    order by m.place;
end;
$function$;

comment on function memory.search is
'Find memories of a namespace by words, vector or both; best first, with scores and their parts.';
