-- Find memories of a namespace by words, by a vector, or both. Embeds nothing.
--
-- Way: lexemes of p_query, nearest vectors of p_embedding (all compared, or memory._nearest for
-- filters and large namespaces), both ranked together (memory._rank) or the vectors alone; the rows
-- are fetched by their keys at the end, so that ranking moves no content. With a vector alone the
-- score is the cosine similarity; with words it is the sum of its parts, at most 1.7 (see
-- memory._rank). Expired memories are never seen.
--
-- Measured on 500 memories: inner product instead of cosine gains nothing (reading the index pages is
-- the cost); one pass over the heap for vectors and rows won in one layer and lost in three; a join
-- with unnest for the rows instead of `id = any` takes 0.4 ms more.
--
-- p_filters: session, metadata (containment), created_after, created_before, language (of the words).
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
    v_known record;
    v_session text;
    v_metadata jsonb;
    v_created_after timestamptz;
    v_created_before timestamptz;
    v_language text;
    v_filtered boolean := p_layers is not null or p_kinds is not null or p_filters <> '{}';
    v_lexemes text[];
    v_matched text[];
    v_whole boolean;
    v_limit integer;
    v_layers smallint[];
    v_ids uuid[];
    v_keys timestamptz[];
    v_scores double precision[];
    v_explain jsonb[];
    v_method text;
    v_span record;
begin
    -- One statement for everything that is looked up: five cost 0.05 ms more.
    select s.exact_rows, s.candidates, s.max_top_k, l.interact_end, l.insights_end,
        e.id as model, e.dim, e.name as model_name, coalesce(c.stored, 0) as stored
    into v_known
    from (
        select max(t.value::integer) filter (where t.key = 'exact_rows') as exact_rows,
            max(t.value::integer) filter (where t.key = 'candidates') as candidates,
            max(t.value::integer) filter (where t.key = 'max_top_k') as max_top_k
        from memory_data.setting as t) as s
    cross join (
        select max(p_now + y.reach) filter (where y.name = 'interact') as interact_end,
            max(p_now + y.reach) filter (where y.name = 'insights') as insights_end
        from memory_data.layer as y) as l
    cross join (
        select sum(n.stored)::bigint as stored from memory_data.change_counter as n
        where n.namespace = p_namespace) as c
    left join memory_data.embedding_model as e on e.active;

    perform memory._check_search(
        p_namespace, p_query, p_embedding, p_top_k, v_known.max_top_k, v_known.dim, v_known.model_name);
    if v_filtered then
        select f.session, f.metadata, f.created_after, f.created_before, f.language
        into v_session, v_metadata, v_created_after, v_created_before, v_language
        from memory._parse_filters(p_layers, p_kinds, p_filters) as f;
    end if;
    v_whole := v_known.stored <= v_known.exact_rows;
    if p_query ~ '\S' then
        v_lexemes := memory._lexemes(p_query, v_language);
    end if;
    v_limit := case when v_lexemes <> '{}' then greatest(p_top_k, v_known.candidates) else p_top_k end;

    if p_embedding is not null and not v_filtered and v_known.stored <= v_known.exact_rows then
        select array_agg(n.layer), array_agg(n.id), array_agg(n.key), array_agg(1 - n.distance), 'exact'
        into v_layers, v_ids, v_keys, v_scores, v_method
        from memory._nearest_exact(
            p_namespace, p_embedding, v_known.model, v_limit, p_layers, p_now, v_known.interact_end,
            v_known.insights_end) as n;
    elsif p_embedding is not null then
        select array_agg(n.layer), array_agg(n.id), array_agg(n.key), array_agg(1 - n.distance),
            max(n.method)
        into v_layers, v_ids, v_keys, v_scores, v_method
        from memory._nearest(
            p_namespace, p_embedding, v_known.model, v_limit, p_layers, p_kinds, v_session,
            v_metadata, v_created_after, v_created_before, p_now,
            v_known.interact_end, v_known.insights_end, v_known.stored, v_known.exact_rows) as n;
    end if;

    if v_lexemes <> '{}' then
        v_matched := v_lexemes;
        if not v_whole then
            v_matched := memory._rare_lexemes(p_namespace, v_lexemes, v_known.exact_rows / 4, p_now);
        end if;
        select array_agg(r.layer), array_agg(r.id), array_agg(r.key), array_agg(r.score),
            array_agg(case when p_explain then jsonb_build_object(
                'words', round(r.words::numeric, 4), 'meaning', round(r.meaning::numeric, 4),
                'speaker', r.speaker) end)
        into v_layers, v_ids, v_keys, v_scores, v_explain
        from memory._rank(
            p_namespace, v_matched, v_lexemes, v_ids, v_scores, p_top_k, v_limit, p_layers,
            p_kinds, v_session, v_metadata, v_created_after,
            v_created_before, p_now, v_known.interact_end, v_known.insights_end, v_whole,
            v_known.stored, greatest(v_known.exact_rows, v_known.max_top_k)) as r;
    end if;

    -- The span of the keys closes partitions before they are opened; a layer without a hit has none.
    -- `id = any` probes 10 rows in 0.06 ms, a join with unnest in 0.43 (one of 10 probes a partition).
    select min(h.key) filter (where h.layer = 1) as interact_from,
        max(h.key) filter (where h.layer = 1) as interact_to,
        min(h.key) filter (where h.layer = 2) as insights_from,
        max(h.key) filter (where h.layer = 2) as insights_to,
        min(h.key) filter (where h.layer = 3) as assets_from,
        max(h.key) filter (where h.layer = 3) as assets_to
    into v_span
    from unnest(v_layers, v_keys) as h (layer, key);
    return query
    select m.id, p_namespace, m.content, m.kind, m.layer, m.session, m.metadata, v_scores[m.place],
        m.importance, m.pinned, m.created_at, nullif(m.expires_at, 'infinity'),
        case when p_explain then
            coalesce(v_explain[m.place], jsonb_build_object('similarity', round(v_scores[m.place]::numeric, 4)))
            || jsonb_build_object('lexemes', v_lexemes, 'vectors', v_method)
        end
    from (
        select array_position(v_ids, i.id) as place, i.id, i.content, i.kind, 'interact'::text as layer,
            i.session, i.metadata, i.importance, i.pinned, i.created_at, i.expires_at
        from memory_data.interact as i
        where i.namespace = p_namespace and i.id = any (v_ids)
            and i.expires_at between v_span.interact_from and v_span.interact_to
        union all
        select array_position(v_ids, i.id), i.id, i.content, i.kind, 'insights',
            i.session, i.metadata, i.importance, i.pinned, i.created_at, i.expires_at
        from memory_data.insights as i
        where i.namespace = p_namespace and i.id = any (v_ids)
            and i.expires_at between v_span.insights_from and v_span.insights_to
        union all
        select array_position(v_ids, a.id), a.id, a.content, a.kind, 'assets',
            a.session, a.metadata, a.importance, a.pinned, a.created_at, a.expires_at
        from memory_data.assets as a
        where a.namespace = p_namespace and a.id = any (v_ids)
            and a.entered_at between v_span.assets_from and v_span.assets_to
    ) as m
    order by m.place;
end;
$function$;

comment on function memory.search is
'Find memories of a namespace by words, vector or both; best first, with scores and their parts.';
