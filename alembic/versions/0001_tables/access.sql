-- Who may call, and which code schema memory was built from.

create table memory_data.api_key (
    id uuid primary key default uuidv7(),
    name text not null,
    prefix text not null,
    digest bytea not null unique check (octet_length(digest) = 32),
    -- '*' stands for every namespace
    namespaces text[] not null check (cardinality(namespaces) > 0),
    scopes text[] not null
        check (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'admin']),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
comment on table memory_data.api_key is
'API keys by their SHA-256; the key itself is shown once and stored nowhere.';

create table memory_data.code_state (
    only_row boolean primary key default true check (only_row),
    digest text not null,
    migrated_at timestamptz not null default now()
);
comment on table memory_data.code_state is
'Digest of the sql/ folder the schema memory was built from.';
