-- Ranks the memories of a namespace by words and meaning together.
--
-- 1. Words: BM25 (k1 0.9, b 0.4, lengths below the average counted as average) over the question's
--    lexemes, best p_candidates rows. An answer's words often stand a turn or two away from its
--    evidence, so each part is spread to the neighbours in the session (weights 0.75, 0.5, 0.25 at
--    distance 1, 2, 3), per lexeme the best place counts once. Lexemes in more than half of the rows
--    stay where they are.
-- 2. Meaning: the nearest vectors, cosine min-max within them, spread by 0.67 and 0.33 at distance
--    1 and 2 and summed.
-- 3. Score: words / best + 0.5 * meaning / best + 0.2 when the question names the speaker. A hit of
--    one list alone can win.
--
-- Measured on five LoCoMo conversations (760 questions of categories 1-4, MiniLM int8), R@10 / any@10:
--   this 80.2 / 86.7; three min-max lists with a +-1 window and speaker bonus 76.0 / 82.4; without
--   spreading words 72.8 / 78.9; without vectors 78.1 / 84.6; RRF(60) of BM25 and vectors
--   63.1 / 70.0; BM25 alone 63.1 / 69.7; vectors alone 53.8 / 60.8. The optimum is flat: speaker 0.1
--   to 0.4 and vectors 0.25 to 0.75 stay within 1 point. `magray bench recall` prints today's.
--
-- A small namespace is read as a whole (memory._pool). Of a large one p_lexemes are the rare ones of
-- the question (p_question: all of them, for the speaker), matched by index, at most exact_rows of
-- them; the turns around the best are fetched.
--
-- Every join is one of hashes (enable_nestloop off), see memory._pool. Lexemes are numbered and tested
-- on matching rows only.
-- ts_rank of one lexeme is H2(tf) / (pi^2 / 6), which gives tf back without unnesting every vector.
create or replace function memory._rank(
    p_basis memory._basis, p_filter memory._filter, p_lexemes text[], p_question text[],
    p_near_ids uuid[], p_near_similarities double precision[], p_top_k integer, p_candidates integer
)
returns table (
    id uuid, score double precision, words double precision, meaning double precision,
    speaker double precision
)
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
set plan_cache_mode to force_generic_plan
set enable_nestloop to off
set enable_mergejoin to off
as $function$
#variable_conflict use_column
declare
    v_terms tsquery[];
    v_any tsquery;
    v_speaker tsquery;
begin
    select array_agg(memory._lexeme_query(l.lexeme, '')), string_agg(memory._lexeme_query(l.lexeme, '')::text, ' | ')::tsquery
    into v_terms, v_any
    from unnest(p_lexemes) as l (lexeme);
    select string_agg(memory._lexeme_query(l.lexeme, 'A')::text, ' | ')::tsquery into v_speaker
    from unnest(p_question) as l (lexeme);

    return query
    with pool as materialized (
        select w.* from memory._pool(p_basis, p_filter, v_any, v_speaker) as w
        where p_basis.whole
        union all
        select w.* from memory._pool_large(
            p_basis, p_filter, v_any, v_speaker, p_near_ids,
            greatest(p_basis.exact_rows, p_basis.max_top_k)) as w
        where not p_basis.whole
    ),
    corpus as materialized (
        select case when p_basis.whole then count(*) else greatest(p_basis.stored, count(*)) end::double precision as rows,
            avg(p.len)::double precision as len
        from pool as p
    ),
    hit as materialized (
        select p.id, p.place, p.turn, p.len, l.lexeme,
            round(1 / (1.64493406685 * (1 - ts_rank('{1, 1, 1, 1}', p.search, l.term))) - 0.5) as tf
        from pool as p
        join lateral unnest(v_terms) with ordinality as l (term, lexeme) on p.search @@ l.term
        where p.search is not null
    ),
    idf as materialized (
        select h.lexeme, ln(1 + (c.rows - count(*) + 0.5) / (count(*) + 0.5)) as idf,
            count(*) <= c.rows / 2 or bool_and(count(*) > c.rows / 2) over () as spreads
        from hit as h
        cross join corpus as c
        group by h.lexeme, c.rows
    ),
    part as materialized (
        select h.id, h.place, h.turn, h.lexeme, i.spreads,
            i.idf * h.tf * 1.9 / (h.tf + 0.9 * (0.6 + 0.4 * greatest(1, h.len / c.len))) as value
        from hit as h
        join idf as i on i.lexeme = h.lexeme
        cross join corpus as c
    ),
    best as materialized (
        select p.id from part as p group by p.id order by sum(p.value) desc, p.id limit p_candidates
    ),
    said as (
        select x.place, x.turn, sum(x.value) as value
        from (
            select p.place, p.turn + k.distance as turn, p.lexeme, max(p.value * k.weight) as value
            from best as b
            join part as p on p.id = b.id
            join (values (0, 1.0::double precision), (-1, 0.75), (1, 0.75), (-2, 0.5), (2, 0.5),
                         (-3, 0.25), (3, 0.25)) as k (distance, weight)
                on p.spreads or k.distance = 0
            group by p.place, p.turn + k.distance, p.lexeme) as x
        group by x.place, x.turn
    ),
    near as materialized (
        select p.place, p.turn,
            coalesce((n.similarity - min(n.similarity) over ())
                     / nullif(max(n.similarity) over () - min(n.similarity) over (), 0), 1) as value
        from unnest(p_near_ids, p_near_similarities) as n (id, similarity)
        join pool as p on p.id = n.id
    ),
    meant as (
        select n.place, n.turn + k.distance as turn, sum(n.value * k.weight) as value
        from near as n
        cross join (values (0, 1.0::double precision), (-1, 0.67), (1, 0.67), (-2, 0.33), (2, 0.33))
            as k (distance, weight)
        group by n.place, n.turn + k.distance
    ),
    -- In a large namespace the pool holds what matched; the turns around the best are looked up.
    core as (
        select array_agg(t.place) as places, array_agg(t.turn) as turns
        from (
            select p.place, p.turn from best as b join pool as p on p.id = b.id
            union
            select n.place, n.turn from near as n) as t
        where not p_basis.whole
    ),
    known as (
        select p.id, p.place, p.turn, p.named from pool as p
        union all
        select a.id, a.place, a.turn, a.named
        from core as c
        cross join lateral memory._neighbouring_turns(p_basis, p_filter, c.places, c.turns, v_speaker) as a
        where not p_basis.whole and a.id not in (select p.id from pool as p)
    ),
    candidate as (
        select p.id, coalesce(s.value, 0) as words, coalesce(d.value, 0) as meaning,
            case when p.named then 0.2::double precision else 0 end as speaker
        from said as s
        full join meant as d on d.place = s.place and d.turn = s.turn
        join known as p
            on p.place = coalesce(s.place, d.place) and p.turn = coalesce(s.turn, d.turn)
    ),
    weighed as (
        select c.id, coalesce(c.words / nullif(max(c.words) over (), 0), 0) as words,
            coalesce(0.5 * c.meaning / nullif(max(c.meaning) over (), 0), 0) as meaning, c.speaker
        from candidate as c
    )
    select w.id, w.words + w.meaning + w.speaker, w.words, w.meaning, w.speaker
    from weighed as w
    order by w.words + w.meaning + w.speaker desc, w.id
    limit p_top_k;
end;
$function$;

comment on function memory._rank is
'Rank memories of a namespace by words, their neighbours'' words, meaning and speaker.';
