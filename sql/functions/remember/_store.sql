-- Writes a batch: finds the memories that are there already, numbers the turns of each session,
-- inserts the rest into the layer of its kind. Answers as JSON, so that the answer can be kept for
-- an idempotency key.
create or replace function memory._store(
    p_namespace text, p_memories jsonb, p_embeddings halfvec[], p_model smallint, p_now timestamptz
)
returns jsonb
language plpgsql
set search_path to pg_catalog, public, pg_temp
as $function$
declare
    v_answer jsonb;
begin
    -- Writers of the same content meet here, and those of the same session, whose turns are numbered:
    -- 64 stripes each a namespace, always taken in the same order.
    -- A statement of its own, so that the next one's snapshot sees what the other writer committed.
    perform pg_advisory_xact_lock(hashtextextended(p_namespace, s.stripe))
    from (select memory._content_stripe(e.item ->> 'content') as stripe
          from jsonb_array_elements(p_memories) as e (item)
          union
          select 64 + abs(hashtext(e.item ->> 'session') % 64)
          from jsonb_array_elements(p_memories) as e (item)
          where e.item ->> 'session' is not null
          order by stripe) as s;

    with parsed as materialized (
        select p.*, p_embeddings[p.ordinal] as embedding
        from memory._parse_memories(p_memories, p_now) as p
    ),
    known as materialized (
        select distinct on (p.ordinal)
            p.ordinal, m.id, m.layer, m.kind, m.created_at, m.expires_at,
            m.embedding is not null as has_embedding
        from parsed as p
        join memory._memories as m
            on m.namespace = p_namespace and m.content_hash = p.content_hash
                -- a pinned one whose time is up waits to be renewed
                and (m.expires_at > p_now or m.pinned)
        order by p.ordinal, m.created_at
    ),
    fresh as materialized (
        -- ids grow in the order of the batch, so that a listing tells it in order
        select uuidv7() as id, u.*
        from (
            select u.*
            from (
                select distinct on (p.content_hash) p.*
                from parsed as p
                where p.ordinal not in (select k.ordinal from known as k)
                order by p.content_hash, p.ordinal) as u
            order by u.ordinal) as u
    ),
    sessions as materialized (
        select s.session, memory._last_turn(p_namespace, s.session) as last_turn
        from (select distinct f.session from fresh as f where f.session is not null) as s
    ),
    numbered as materialized (
        select f.*, memory._search_vector(f.language, f.content, f.metadata) as words,
            case when f.session is null then 0
                 else s.last_turn
                      + row_number() over (partition by f.session order by f.created_at, f.ordinal)
            end as turn
        from fresh as f
        left join sessions as s on s.session = f.session
    ),
    sized as materialized (
        select n.*,
            octet_length(n.content) + coalesce(pg_column_size(n.embedding), 0)
            + pg_column_size(n.words) + pg_column_size(n.metadata) as size,
            case when n.embedding is not null then p_model end as model
        from numbered as n
    ),
    returned as (
        -- stored again after it was evicted: how it was used before is known
        delete from memory_data.ghost as g using fresh as f
        where g.namespace = p_namespace and g.content_hash = f.content_hash
        returning f.id, g.layer, g.uses, g.gap, g.rating_sum, g.rating_count,
            greatest(0, extract(epoch from p_now - g.last_use))::real as idle
    ),
    usage as (
        insert into memory_data.usage (namespace, id, past_uses, gap, rating_sum, rating_count)
        select p_namespace, r.id, r.uses, (coalesce(r.gap, r.idle) + r.idle) / 2, r.rating_sum, r.rating_count
        from returned as r
        order by r.id
    ),
    learned as (
        insert into memory_data.reuse as u (layer, slot, class, step, uses)
        select r.layer, pg_backend_pid() % 16, memory._reuse_class(r.uses, r.gap),
            memory._idle_step(r.idle::double precision), count(*)
        from returned as r
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        on conflict (layer, slot, class, step) do update
        set uses = u.uses + excluded.uses
    ),
    -- every column of a layer, in its order, which is the same in all three
    record as materialized (
        select p_namespace, s.id, s.kind, s.content, s.content_hash, s.embedding, s.model, s.words, s.language,
            s.metadata, s.session, s.turn, s.importance, s.pinned, s.created_at, p_now, s.expires_at, s.size
        from sized as s
    ),
    into_interact as (
        insert into memory_data.interact
        select r.* from record as r where r.id in (select s.id from sized as s where s.layer = 'interact')
    ),
    into_insights as (
        insert into memory_data.insights
        select r.* from record as r where r.id in (select s.id from sized as s where s.layer = 'insights')
    ),
    into_assets as (
        insert into memory_data.assets
        select r.* from record as r where r.id in (select s.id from sized as s where s.layer = 'assets')
    )
    select jsonb_agg(jsonb_build_object(
        'ordinal', p.ordinal,
        'id', coalesce(k.id, f.id),
        -- the first of equal memories within the batch is the one that is created
        'created', k.id is null and f.ordinal = p.ordinal,
        'layer', coalesce(k.layer, f.layer),
        'kind', p.kind,
        'created_at', coalesce(k.created_at, f.created_at),
        'expires_at', coalesce(k.expires_at, f.expires_at),
        'has_embedding', coalesce(k.has_embedding, f.embedding is not null)) order by p.ordinal)
    into v_answer
    from parsed as p
    left join known as k on k.ordinal = p.ordinal
    left join fresh as f on f.content_hash = p.content_hash;

    perform memory._note_change(
        p_namespace, count(*), coalesce(array_agg(a.layer), '{}'),
        coalesce(array_agg(case when a.layer = 'assets' then p_now else a.expires_at end), '{}'))
    from jsonb_to_recordset(v_answer) as a (layer text, expires_at timestamptz, created boolean)
    where a.created;
    return v_answer;
end;
$function$;

comment on function memory._store is
'Write a checked batch into the layers of its kinds; returns the answer rows as JSON.';
