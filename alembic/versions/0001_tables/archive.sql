-- The archive: what waits for its file, the files, and where each archived record lies.

create table memory_data.archive_outbox (
    namespace text not null,
    id uuid not null,
    -- in which order they came; a record that comes again is another row
    seq bigint not null generated always as identity unique,
    archived_at timestamptz not null,
    reason text not null,
    layer text not null,
    kind text not null,
    content text not null,
    content_hash bytea not null,
    -- without a dimension: the model of a record may have been replaced since
    embedding public.halfvec,
    model smallint references memory_data.embedding_model (id)
        check ((model is null) = (embedding is null)),
    language text not null,
    metadata jsonb not null,
    session text,
    turn integer not null,
    importance real not null,
    pinned boolean not null,
    created_at timestamptz not null,
    entered_at timestamptz not null,
    expires_at timestamptz not null,
    size integer not null,
    -- its row of memory_data.usage, whatever columns that has; null: it was never used nor rated
    usage jsonb,
    -- what it was before each edit, and each use and rating, oldest first
    revisions jsonb not null default '[]',
    events jsonb not null default '[]',
    primary key (namespace, id)
);
comment on table memory_data.archive_outbox is
'Records that left their layer and wait to be written to a file of the archive.';

-- Faster than pglz and packs as well; not every PostgreSQL is built with it.
do $lz4$
begin
    alter table memory_data.archive_outbox
        alter column content set compression lz4, alter column metadata set compression lz4,
        alter column usage set compression lz4, alter column revisions set compression lz4,
        alter column events set compression lz4;
exception when feature_not_supported then
    raise notice 'no lz4 in this PostgreSQL: the outbox is packed with pglz';
end;
$lz4$;

create table memory_data.archive (
    id uuid primary key,
    -- path in the store; its last part is the sha256 of the bytes, so no two files share a name
    file text not null unique,
    -- where it was written: local, s3, gcs, azure
    tier text not null,
    created_at timestamptz not null,
    bytes bigint not null check (bytes > 0),
    rows bigint not null check (rows > 0),
    layers text[] not null,
    namespaces bigint not null,
    -- of the records' created_at
    oldest timestamptz not null,
    newest timestamptz not null,
    -- records that were brought back since; their copies stay in the file until it is rewritten
    restored bigint not null default 0,
    verified_at timestamptz,
    fault text check (fault in ('damaged', 'missing'))
);
comment on table memory_data.archive is 'The files of the archive, Parquet in the storage tier.';

create table memory_data.archived (
    namespace text not null,
    id uuid not null,
    archive uuid not null references memory_data.archive (id),
    layer text not null,
    kind text not null,
    created_at timestamptz not null,
    archived_at timestamptz not null,
    -- not null: it lives again (or did), and what lies in the file is a copy nobody restores
    restored_at timestamptz,
    primary key (namespace, id, archive)
);
create index archived_archive on memory_data.archived (archive);
comment on table memory_data.archived is
'One narrow row for each record in a file of the archive: where it lies.';

create table memory_data.archive_erasure (
    namespace text not null,
    id uuid not null,
    archive uuid not null references memory_data.archive (id),
    requested_at timestamptz not null,
    primary key (namespace, id, archive)
);
create index archive_erasure_archive on memory_data.archive_erasure (archive);
comment on table memory_data.archive_erasure is
'Forgotten records whose bytes a file of the archive still holds; gone when it is rewritten.';

create table memory_data.archive_deletion (
    file text primary key,
    requested_at timestamptz not null,
    attempts integer not null default 0,
    last_error text
);
comment on table memory_data.archive_deletion is
'Files that must leave the store: replaced, emptied, or announced and never registered.';
