-- Fills an empty database for `magray bench lifecycle`: bench.records records in namespaces of 500,
-- half in interact, half in insights, old enough to be promoted; every one used, one in ten more than
-- three (interact) or ten (insights) times; 20 questions a namespace. Vectors are drawn from 1,000.
create temporary table pool as
select p.place, (
    -- the condition makes it another one for each place
    select array_agg((random() - 0.5)::real)
    from generate_series(1, 384)
    where p.place is not null
)::public.halfvec(384) as embedding
from generate_series(0, 999) as p (place);

create temporary table made as
select r.place, 'namespace ' || r.place / 500 as namespace, uuidv7() as id,
    r.place % 2 = 0 as young, r.place % 10 = r.place / 500 % 10 as busy, random() as chance
from generate_series(0, current_setting('bench.records')::integer - 1) as r (place);
create index on pool (place);
analyze pool;

insert into memory_data.interact
    (namespace, id, kind, content, content_hash, embedding, model, search, language, created_at,
     entered_at, expires_at, size)
select
    m.namespace, m.id,
    (array['session_data', 'recent_query', 'temporary_context', 'user_interaction'])[1 + m.place / 2 % 4] as its_kind,
    'record ' || m.place as told, decode(md5(m.place::text), 'hex') as digest, p.embedding,
    e.model_id, to_tsvector('simple', 'record ' || m.place) as words, 'english' as tongue,
    t.entered_at as created_at, t.entered_at, t.entered_at + interval '24 hours' as expires_at, 1000 as bytes
from made as m
join pool as p on p.place = m.place % 997
cross join memory._active_model() as e
cross join lateral (select now() - interval '12 hours' - m.chance * interval '10 hours' as entered_at) as t
where m.young;

insert into memory_data.insights
    (namespace, id, kind, content, content_hash, embedding, model, search, language, created_at,
     entered_at, expires_at, size)
select
    m.namespace, m.id,
    (array['pattern', 'learned_context', 'snippet', 'solution'])[1 + m.place / 2 % 4] as its_kind,
    'record ' || m.place as told, decode(md5(m.place::text), 'hex') as digest, p.embedding,
    e.model_id, to_tsvector('simple', 'record ' || m.place) as words, 'english' as tongue,
    t.entered_at as created_at, t.entered_at, t.entered_at + interval '90 days' as expires_at, 1000 as bytes
from made as m
join pool as p on p.place = m.place % 997
cross join memory._active_model() as e
cross join lateral (select now() - interval '30 days' - m.chance * interval '30 days' as entered_at) as t
where not m.young;

-- in no order, as they come about
insert into memory_data.usage (namespace, id, access_count, first_access, last_access)
select m.namespace, m.id,
    case
        when m.busy and m.young then 4 + 20 * m.chance
        when m.busy then 11 + 40 * m.chance
        else 1 + 2 * m.chance
    end as access_count,
    now() - case when m.young then interval '12 hours' else interval '40 days' end as first_access,
    now() - random() * case when m.young then interval '4 hours' else interval '4 days' end as last_access
from made as m
order by random();

insert into memory_data.recent_query (namespace, slot, embedding, model, at)
select n.namespace, s.slot, p.embedding, e.model_id, now() - s.slot * interval '1 minute' as asked_at
from (select distinct m.namespace, m.place / 500 as place from made as m) as n
cross join generate_series(0, 19) as s (slot)
join pool as p on p.place = (n.place * 20 + s.slot) % 997
cross join memory._active_model() as e;
