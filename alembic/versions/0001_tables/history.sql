-- What memories were before they were edited, and why they are where they are, or gone.

create table memory_data.revision (
    namespace text not null,
    id uuid not null,
    at timestamptz not null,
    -- what the record was before the change
    content text not null,
    kind text not null,
    metadata jsonb not null,
    importance real not null,
    pinned boolean not null
) partition by range (at);
create index revision_record on memory_data.revision (namespace, id, at);
comment on table memory_data.revision is 'What an edited record was before; gone with its record.';

create table memory_data.decision (
    namespace text not null,
    id uuid,
    at timestamptz not null,
    action text not null check (action in
        ('promote', 'keep', 'evict', 'compress', 'archive', 'restore', 'expire', 'forget')),
    layer text not null,
    to_layer text,
    kind text,
    to_kind text,
    route text,
    score double precision,
    -- criterion -> value, threshold, passed
    criteria jsonb,
    model text,
    job_run bigint,
    -- rows decided at once (a dropped partition is one row)
    records bigint not null default 1,
    detail jsonb,
    -- Of records decided at once: the last 3 bytes of each id, so that each can be asked about.
    -- 3 bytes of WAL a record instead of 16; another id of the same range is taken for one of n
    -- with a chance of n / 16.7 million. Random bytes: not worth an attempt to compress them.
    members bytea storage external check (length(members) = 3 * records),
    -- told by the service (key NAME) and by memory.run_job (job NAME); otherwise who is logged in;
    -- null: not known, decided before this was asked
    actor text default coalesce(
        nullif(current_setting('magray.actor', true), ''), 'login ' || session_user)
) partition by range (at);
create index decision_record on memory_data.decision (namespace, id, at);
-- Listing decisions, newest first, by cursor.
create index decision_listing on memory_data.decision (namespace, at);
create index decision_time on memory_data.decision using brin (at);
comment on table memory_data.decision is 'Why a memory is where it is, or gone.';
