-- A batch of memories of layer interact that all expire within its day, in a random order.
-- noqa: disable=AL03,RF01
insert into memory_data.interact
    (namespace, id, kind, content, content_hash, embedding, model, search, language, created_at,
     entered_at, expires_at, size)
select
    'namespace ' || (random() * %(namespaces)s::integer)::integer, uuidv7(), 'user_interaction',
    t.content, sha256(convert_to(t.content, 'UTF8')), v.embedding,
    case when v.embedding is not null
        then (select max(e.id) from memory_data.embedding_model as e) end,
    to_tsvector('english', t.content), 'english', now(), now(),
    now() + random() * interval '24 hours', length(t.content)
from generate_series(%(first)s::integer, %(last)s::integer) as g (number)
cross join lateral (
    select format('Note %%s: the meeting of team %%s was moved to room %%s on day %%s.',
                  g.number, g.number %% 97, g.number %% 31, g.number %% 365) as content) as t
cross join lateral (
    select case when %(vectors)s::boolean then array(
        -- of this row: otherwise one vector for all
        select random() - 0.5 + 0 * g.number
        from generate_series(1, %(dim)s::integer))::public.halfvec end as embedding) as v
