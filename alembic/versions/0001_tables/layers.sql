-- The three layers, partitioned by time: one definition, the same columns, another partition key. The
-- index of exact search is the partitions' own, for one of the parent cannot be dropped for one
-- partition: memory.plan_indexes has it built where it is missing.

do $layers$
declare
    v_layer text;
    v_key text;
begin
    for v_layer, v_key in
        values ('interact', 'expires_at'), ('insights', 'expires_at'), ('assets', 'entered_at')
    loop
        execute format($layer$
            create table memory_data.%1$I (
                namespace text not null check (length(namespace) between 1 and 200),
                id uuid not null default uuidv7(),
                kind text not null,
                content text not null,
                -- sha256 over kind, session, content and metadata: what makes a memory the same memory
                content_hash bytea not null,
                embedding public.halfvec(384),
                -- memory_data.embedding_model.id of the vector, never null beside one
                model smallint check ((model is null) = (embedding is null)),
                -- A: speaker, B: date, D: content, each when there is one
                search tsvector not null,
                language text not null,
                metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
                session text,
                -- place in its session, 1.. in order of arrival; 0 without a session
                turn integer not null default 0,
                -- the caller's hint, 0..1
                importance real not null default 0.5 check (importance between 0 and 1),
                pinned boolean not null default false,
                created_at timestamptz not null,
                entered_at timestamptz not null,
                expires_at timestamptz not null,
                -- bytes of the variable columns: content, vector, words, metadata
                size integer not null check (size >= 0),
                primary key (namespace, id, %2$I)
            ) partition by range (%2$I);

            comment on table memory_data.%1$I is
            'Layer %1$s; one row a memory. Private: use the functions and views of schema memory.';

            -- The place of the last turn of a session, and a memory's neighbours in it: 0.12 ms, 0.39 with a
            -- b-tree on namespace alone.
            create index %1$s_session on memory_data.%1$I (namespace, session, turn)
                where session is not null;
            -- Recognises a repeated memory. An absent hash among 100,000 rows takes 0.087 ms with it (5.8 MB),
            -- 0.086 with a hash index (4.1 MB, but no namespace), 0.184 with BRIN bloom (0.9 MB), 54 without.
            create index %1$s_content on memory_data.%1$I (namespace, content_hash);
            -- Listing, newest first, by cursor: 20 of a namespace of 500 in 0.14 ms (4.9 MB); 0.60 with one
            -- on namespace alone, 9.0 on created_at alone. BRIN on created_at finds one hour in 61 ms where
            -- rows are not stored in that order, as long as no index does; in that order 0.6 (24 kB) against
            -- 0.12 for a b-tree (2.2 MB): the partition bounds already give what BRIN would on expires_at.
            create index %1$s_created on memory_data.%1$I (namespace, created_at, id);
            -- What still waits for its vector. By id alone the next namespace could not be found without
            -- reading what all others wait for.
            create index %1$s_pending on memory_data.%1$I (namespace, id) where embedding is null;
        $layer$, v_layer, v_key);
    end loop;
end;
$layers$;

-- Pinned records are few and must be found before their partition goes; so are, in the layer that
-- is not partitioned by it, the records that expire.
create index interact_pinned on memory_data.interact (expires_at) where pinned;
create index insights_pinned on memory_data.insights (expires_at) where pinned;
create index assets_mortal on memory_data.assets (expires_at) where expires_at < 'infinity';
