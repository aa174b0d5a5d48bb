-- The tables of schema memory_data, and the rows a new database begins with, as PostgreSQL has them
-- after `magray migrate`. Never run; tests/schema/test_tables.py compares it, and rewrites it.

CREATE OR REPLACE FUNCTION memory_data.least_budget(p_ttl interval, p_step interval, p_ahead smallint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN ((8 * 8192) * ((((1 + p_ahead))::numeric + COALESCE(ceil((EXTRACT(epoch FROM p_ttl) / EXTRACT(epoch FROM p_step))), (0)::numeric)))::bigint)
;
comment on function memory_data.least_budget(interval,interval,smallint) is
'Bytes on disk of a layer that holds nothing.';

CREATE OR REPLACE FUNCTION memory_data.refresh_search_basis()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
    insert into memory_data.search_basis as b
        (exact_rows, candidates, max_top_k, model, model_name, dim)
    select s.exact_rows, s.candidates, s.max_top_k, e.id, e.name, e.dim
    from (
        select max(t.value::integer) filter (where t.key = 'exact_rows') as exact_rows,
            max(t.value::integer) filter (where t.key = 'candidates') as candidates,
            max(t.value::integer) filter (where t.key = 'max_top_k') as max_top_k
        from memory_data.setting as t) as s
    left join memory_data.embedding_model as e on e.active
    on conflict (only_row) do update
    set exact_rows = excluded.exact_rows, candidates = excluded.candidates,
        max_top_k = excluded.max_top_k, model = excluded.model, model_name = excluded.model_name,
        dim = excluded.dim;
    return null;
end;
$function$
;
comment on function memory_data.refresh_search_basis() is
'Keeps memory_data.search_basis.';

create table memory_data.access_event (
    namespace text not null,
    id uuid not null,
    at timestamp with time zone not null,
    session text,
    source text not null,
    rating real,
    constraint access_event_rating_check CHECK (((rating >= (1)::double precision) AND (rating <= (5)::double precision))),
    constraint access_event_source_check CHECK ((source = ANY (ARRAY['search'::text, 'get'::text, 'touch'::text, 'rate'::text])))
) partition by RANGE (at);
CREATE INDEX access_event_record ON ONLY memory_data.access_event USING btree (id, at);
alter table memory_data.access_event enable row level security;
alter table memory_data.access_event force row level security;
create policy access_event_app on memory_data.access_event as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy access_event_operator on memory_data.access_event as permissive for all to memory_operator
    using (true)
    with check (true);
create policy access_event_owner on memory_data.access_event as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.access_event is
'Every use of a record, append-only: the training data, and the truth behind usage.';

create table memory_data.alembic_version (
    version_num character varying(32) not null,
    constraint alembic_version_pkc PRIMARY KEY (version_num)
);

create table memory_data.alert (
    id bigint not null generated always as identity,
    rule text not null,
    scope text not null,
    severity text not null,
    state text not null,
    since timestamp with time zone not null,
    opened_at timestamp with time zone,
    resolved_at timestamp with time zone,
    seen_at timestamp with time zone not null,
    value double precision,
    worst double precision,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    told boolean not null default false,
    constraint alert_pkey PRIMARY KEY (id),
    constraint alert_rule_fkey FOREIGN KEY (rule) REFERENCES memory_data.alert_rule(name),
    constraint alert_check CHECK (((state = 'resolved'::text) = (resolved_at IS NOT NULL))),
    constraint alert_check1 CHECK (((state = 'pending'::text) OR (opened_at IS NOT NULL))),
    constraint alert_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'open'::text, 'resolved'::text])))
);
CREATE INDEX alert_latest ON memory_data.alert USING btree (since DESC);
CREATE UNIQUE INDEX alert_one_active ON memory_data.alert USING btree (rule, scope) WHERE (state <> 'resolved'::text);
comment on table memory_data.alert is
'Alerts that are coming, open or over.';

create table memory_data.alert_rule (
    name text not null,
    kpi text not null,
    scope text,
    above boolean not null,
    threshold double precision not null,
    clear double precision not null,
    lasts interval not null,
    severity text not null,
    enabled boolean not null default true,
    silenced_until timestamp with time zone,
    meaning text not null,
    hint text not null,
    constraint alert_rule_pkey PRIMARY KEY (name),
    constraint alert_rule_check CHECK (
CASE
    WHEN above THEN (clear <= threshold)
    ELSE (clear >= threshold)
END),
    constraint alert_rule_lasts_check CHECK ((lasts >= '00:00:00'::interval)),
    constraint alert_rule_severity_check CHECK ((severity = ANY (ARRAY['warning'::text, 'critical'::text])))
);
comment on table memory_data.alert_rule is
'When a KPI is alarming, for how long, and how bad it is.';

create table memory_data.api_key (
    id uuid not null default uuidv7(),
    name text not null,
    prefix text not null,
    digest bytea not null,
    namespaces text[] not null,
    scopes text[] not null,
    created_at timestamp with time zone not null default now(),
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    constraint api_key_pkey PRIMARY KEY (id),
    constraint api_key_digest_key UNIQUE (digest),
    constraint api_key_digest_check CHECK ((octet_length(digest) = 32)),
    constraint api_key_namespaces_check CHECK ((cardinality(namespaces) > 0)),
    constraint api_key_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['read'::text, 'write'::text, 'admin'::text])))
);
comment on table memory_data.api_key is
'API keys by their SHA-256; the key itself is shown once and stored nowhere.';

create table memory_data.archive (
    id uuid not null,
    file text not null,
    tier text not null,
    created_at timestamp with time zone not null,
    bytes bigint not null,
    rows bigint not null,
    layers text[] not null,
    namespaces bigint not null,
    oldest timestamp with time zone not null,
    newest timestamp with time zone not null,
    restored bigint not null default 0,
    verified_at timestamp with time zone,
    fault text,
    constraint archive_pkey PRIMARY KEY (id),
    constraint archive_file_key UNIQUE (file),
    constraint archive_bytes_check CHECK ((bytes > 0)),
    constraint archive_fault_check CHECK ((fault = ANY (ARRAY['damaged'::text, 'missing'::text]))),
    constraint archive_rows_check CHECK ((rows > 0))
);
comment on table memory_data.archive is
'The files of the archive, Parquet in the storage tier.';

create table memory_data.archive_deletion (
    file text not null,
    requested_at timestamp with time zone not null,
    attempts integer not null default 0,
    last_error text,
    constraint archive_deletion_pkey PRIMARY KEY (file)
);
comment on table memory_data.archive_deletion is
'Files that must leave the store: replaced, emptied, or announced and never registered.';

create table memory_data.archive_erasure (
    namespace text not null,
    id uuid not null,
    archive uuid not null,
    requested_at timestamp with time zone not null,
    constraint archive_erasure_pkey PRIMARY KEY (namespace, id, archive),
    constraint archive_erasure_archive_fkey FOREIGN KEY (archive) REFERENCES memory_data.archive(id)
);
CREATE INDEX archive_erasure_archive ON memory_data.archive_erasure USING btree (archive);
alter table memory_data.archive_erasure enable row level security;
alter table memory_data.archive_erasure force row level security;
create policy archive_erasure_app on memory_data.archive_erasure as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy archive_erasure_operator on memory_data.archive_erasure as permissive for all to memory_operator
    using (true)
    with check (true);
create policy archive_erasure_owner on memory_data.archive_erasure as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.archive_erasure is
'Forgotten records whose bytes a file of the archive still holds; gone when it is rewritten.';

create table memory_data.archive_outbox (
    namespace text not null,
    id uuid not null,
    seq bigint not null generated always as identity,
    archived_at timestamp with time zone not null,
    reason text not null,
    layer text not null,
    kind text not null,
    content text not null,
    content_hash bytea not null,
    embedding public.halfvec,
    model smallint,
    language text not null,
    metadata jsonb not null,
    session text,
    turn integer not null,
    importance real not null,
    pinned boolean not null,
    created_at timestamp with time zone not null,
    entered_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    size integer not null,
    usage jsonb,
    revisions jsonb not null default '[]'::jsonb,
    events jsonb not null default '[]'::jsonb,
    constraint archive_outbox_pkey PRIMARY KEY (namespace, id),
    constraint archive_outbox_seq_key UNIQUE (seq),
    constraint archive_outbox_model_fkey FOREIGN KEY (model) REFERENCES memory_data.embedding_model(id),
    constraint archive_outbox_check CHECK (((model IS NULL) = (embedding IS NULL)))
);
alter table memory_data.archive_outbox enable row level security;
alter table memory_data.archive_outbox force row level security;
create policy archive_outbox_app on memory_data.archive_outbox as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy archive_outbox_operator on memory_data.archive_outbox as permissive for all to memory_operator
    using (true)
    with check (true);
create policy archive_outbox_owner on memory_data.archive_outbox as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.archive_outbox is
'Records that left their layer and wait to be written to a file of the archive.';

create table memory_data.archived (
    namespace text not null,
    id uuid not null,
    archive uuid not null,
    layer text not null,
    kind text not null,
    created_at timestamp with time zone not null,
    archived_at timestamp with time zone not null,
    restored_at timestamp with time zone,
    constraint archived_pkey PRIMARY KEY (namespace, id, archive),
    constraint archived_archive_fkey FOREIGN KEY (archive) REFERENCES memory_data.archive(id)
);
CREATE INDEX archived_archive ON memory_data.archived USING btree (archive);
alter table memory_data.archived enable row level security;
alter table memory_data.archived force row level security;
create policy archived_app on memory_data.archived as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy archived_operator on memory_data.archived as permissive for all to memory_operator
    using (true)
    with check (true);
create policy archived_owner on memory_data.archived as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.archived is
'One narrow row for each record in a file of the archive: where it lies.';

create table memory_data.assets (
    namespace text not null,
    id uuid not null default uuidv7(),
    kind text not null,
    content text not null,
    content_hash bytea not null,
    embedding public.halfvec(384),
    model smallint,
    search tsvector not null,
    language text not null,
    metadata jsonb not null default '{}'::jsonb,
    session text,
    turn integer not null default 0,
    importance real not null default 0.5,
    pinned boolean not null default false,
    created_at timestamp with time zone not null,
    entered_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    size integer not null,
    constraint assets_pkey PRIMARY KEY (namespace, id, entered_at),
    constraint assets_check CHECK (((model IS NULL) = (embedding IS NULL))),
    constraint assets_importance_check CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision))),
    constraint assets_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    constraint assets_namespace_check CHECK (((length(namespace) >= 1) AND (length(namespace) <= 200))),
    constraint assets_size_check CHECK ((size >= 0))
) partition by RANGE (entered_at);
CREATE INDEX assets_content ON ONLY memory_data.assets USING btree (namespace, content_hash);
CREATE INDEX assets_created ON ONLY memory_data.assets USING btree (namespace, created_at, id);
CREATE INDEX assets_mortal ON ONLY memory_data.assets USING btree (expires_at) WHERE (expires_at < 'infinity'::timestamp with time zone);
CREATE INDEX assets_pending ON ONLY memory_data.assets USING btree (namespace, id) WHERE (embedding IS NULL);
CREATE INDEX assets_session ON ONLY memory_data.assets USING btree (namespace, session, turn) WHERE (session IS NOT NULL);
alter table memory_data.assets enable row level security;
alter table memory_data.assets force row level security;
create policy assets_app on memory_data.assets as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy assets_operator on memory_data.assets as permissive for all to memory_operator
    using (true)
    with check (true);
create policy assets_owner on memory_data.assets as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.assets is
'Layer assets; one row a memory. Private: use the functions and views of schema memory.';

create table memory_data.backup (
    id text not null,
    kind text not null,
    tier text not null,
    parent text,
    chain text not null,
    reason text not null,
    system text not null,
    timeline integer not null,
    started_at timestamp with time zone not null,
    stopped_at timestamp with time zone not null,
    start_lsn pg_lsn not null,
    stop_lsn pg_lsn not null,
    bytes bigint not null,
    stored_bytes bigint not null,
    encrypted boolean not null,
    fault text,
    verified_at timestamp with time zone,
    proven_at timestamp with time zone,
    constraint backup_pkey PRIMARY KEY (id),
    constraint backup_bytes_check CHECK ((bytes >= 0)),
    constraint backup_kind_check CHECK ((kind = ANY (ARRAY['full'::text, 'incremental'::text, 'snapshot'::text, 'compressed'::text]))),
    constraint backup_stored_bytes_check CHECK ((stored_bytes >= 0)),
    constraint backup_tier_check CHECK ((tier = ANY (ARRAY['local'::text, 'cloud'::text, 'cold'::text])))
);
CREATE INDEX backup_time ON memory_data.backup USING btree (stopped_at);
comment on table memory_data.backup is
'What the catalogue beside the backups says, which alone counts; replaced as a whole.';

create table memory_data.backup_run (
    id uuid not null default uuidv7(),
    action text not null,
    request jsonb not null default '{}'::jsonb,
    state text not null default 'running'::text,
    stage text not null default ''::text,
    done bigint not null default 0,
    total bigint,
    started_at timestamp with time zone not null default clock_timestamp(),
    finished_at timestamp with time zone,
    result jsonb,
    error jsonb,
    constraint backup_run_pkey PRIMARY KEY (id),
    constraint backup_run_action_check CHECK ((action = ANY (ARRAY['backup'::text, 'verify'::text, 'restore'::text, 'drill'::text, 'prune'::text]))),
    constraint backup_run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text])))
);
CREATE INDEX backup_run_latest ON memory_data.backup_run USING btree (started_at DESC);
comment on table memory_data.backup_run is
'Backups, verifications, restores and drills, and how they went.';

create table memory_data.change_counter (
    namespace text not null,
    slot smallint not null,
    changes bigint not null default 0,
    stored bigint not null default 0,
    interact_from timestamp with time zone,
    interact_to timestamp with time zone,
    insights_from timestamp with time zone,
    insights_to timestamp with time zone,
    assets_from timestamp with time zone,
    assets_to timestamp with time zone,
    constraint change_counter_pkey PRIMARY KEY (namespace, slot)
) with (fillfactor=50);
alter table memory_data.change_counter enable row level security;
alter table memory_data.change_counter force row level security;
create policy change_counter_app on memory_data.change_counter as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy change_counter_operator on memory_data.change_counter as permissive for all to memory_operator
    using (true)
    with check (true);
create policy change_counter_owner on memory_data.change_counter as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.change_counter is
'Grows with every change of a namespace in the transaction of the change: the query cache asks it,
and every search, which partitions it must open.';

create table memory_data.code_state (
    only_row boolean not null default true,
    digest text not null,
    migrated_at timestamp with time zone not null default now(),
    constraint code_state_pkey PRIMARY KEY (only_row),
    constraint code_state_only_row_check CHECK (only_row)
);
comment on table memory_data.code_state is
'Digest of the sql/ folder the schema memory was built from.';

create table memory_data.compression (
    partition_name text not null,
    layer text not null,
    state text not null,
    since timestamp with time zone not null,
    bytes_before bigint not null,
    bytes_after bigint,
    constraint compression_pkey PRIMARY KEY (partition_name),
    constraint compression_state_check CHECK ((state = ANY (ARRAY['building'::text, 'compressed'::text, 'decompressing'::text])))
);
comment on table memory_data.compression is
'Partitions that are compressed or on the way there or back.';

create table memory_data.decision (
    namespace text not null,
    id uuid,
    at timestamp with time zone not null,
    action text not null,
    layer text not null,
    to_layer text,
    kind text,
    to_kind text,
    route text,
    score double precision,
    criteria jsonb,
    model text,
    job_run bigint,
    records bigint not null default 1,
    detail jsonb,
    members bytea storage external,
    actor text default COALESCE(NULLIF(current_setting('magray.actor'::text, true), ''::text), ('login '::text || (SESSION_USER)::text)),
    constraint decision_action_check CHECK ((action = ANY (ARRAY['promote'::text, 'keep'::text, 'evict'::text, 'compress'::text, 'archive'::text, 'restore'::text, 'expire'::text, 'forget'::text]))),
    constraint decision_check CHECK ((length(members) = (3 * records)))
) partition by RANGE (at);
CREATE INDEX decision_listing ON ONLY memory_data.decision USING btree (namespace, at);
CREATE INDEX decision_record ON ONLY memory_data.decision USING btree (namespace, id, at);
CREATE INDEX decision_time ON ONLY memory_data.decision USING brin (at);
alter table memory_data.decision enable row level security;
alter table memory_data.decision force row level security;
create policy decision_app on memory_data.decision as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy decision_operator on memory_data.decision as permissive for all to memory_operator
    using (true)
    with check (true);
create policy decision_owner on memory_data.decision as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.decision is
'Why a memory is where it is, or gone.';

create table memory_data.embedding_failure (
    namespace text not null,
    id uuid not null,
    attempts integer not null,
    last_error text not null,
    next_attempt_at timestamp with time zone not null,
    shortened_to integer,
    constraint embedding_failure_pkey PRIMARY KEY (namespace, id),
    constraint embedding_failure_shortened_to_check CHECK ((shortened_to > 0))
);
alter table memory_data.embedding_failure enable row level security;
alter table memory_data.embedding_failure force row level security;
create policy embedding_failure_app on memory_data.embedding_failure as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy embedding_failure_operator on memory_data.embedding_failure as permissive for all to memory_operator
    using (true)
    with check (true);
create policy embedding_failure_owner on memory_data.embedding_failure as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.embedding_failure is
'Records whose text a provider could not embed, and when to try again (infinity: set aside, or there
is nothing to try), and those it embedded only the beginning of.';

create table memory_data.embedding_model (
    id smallint not null generated always as identity,
    name text not null,
    dim integer not null,
    active boolean not null default false,
    registered_at timestamp with time zone not null default now(),
    constraint embedding_model_pkey PRIMARY KEY (id),
    constraint embedding_model_name_key UNIQUE (name),
    constraint embedding_model_dim_check CHECK (((dim >= 1) AND (dim <= 4000)))
);
CREATE UNIQUE INDEX embedding_model_one_active ON memory_data.embedding_model USING btree (active) WHERE active;
CREATE TRIGGER search_basis AFTER INSERT OR DELETE OR UPDATE ON memory_data.embedding_model FOR EACH STATEMENT EXECUTE FUNCTION memory_data.refresh_search_basis();
comment on table memory_data.embedding_model is
'Whose vectors are stored; vectors of two models are never compared.';

create table memory_data.ghost (
    namespace text not null,
    content_hash bytea not null,
    id uuid not null,
    layer text not null,
    uses integer not null,
    gap real,
    last_use timestamp with time zone not null,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    constraint ghost_pkey PRIMARY KEY (namespace, content_hash),
    constraint ghost_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name),
    constraint ghost_uses_check CHECK ((uses > 0))
);
CREATE INDEX ghost_oldest ON memory_data.ghost USING btree (layer, last_use);
alter table memory_data.ghost enable row level security;
alter table memory_data.ghost force row level security;
create policy ghost_app on memory_data.ghost as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy ghost_operator on memory_data.ghost as permissive for all to memory_operator
    using (true)
    with check (true);
create policy ghost_owner on memory_data.ghost as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.ghost is
'What is remembered of evicted records for a while: how they were used, never what they said.';

create table memory_data.idempotency (
    namespace text not null,
    key text not null,
    request_hash bytea not null,
    response jsonb not null,
    at timestamp with time zone not null,
    constraint idempotency_pkey PRIMARY KEY (namespace, key),
    constraint idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);
CREATE INDEX idempotency_time ON memory_data.idempotency USING btree (at);
alter table memory_data.idempotency enable row level security;
alter table memory_data.idempotency force row level security;
create policy idempotency_app on memory_data.idempotency as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy idempotency_operator on memory_data.idempotency as permissive for all to memory_operator
    using (true)
    with check (true);
create policy idempotency_owner on memory_data.idempotency as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.idempotency is
'Answers of writes that named an idempotency key.';

create table memory_data.insights (
    namespace text not null,
    id uuid not null default uuidv7(),
    kind text not null,
    content text not null,
    content_hash bytea not null,
    embedding public.halfvec(384),
    model smallint,
    search tsvector not null,
    language text not null,
    metadata jsonb not null default '{}'::jsonb,
    session text,
    turn integer not null default 0,
    importance real not null default 0.5,
    pinned boolean not null default false,
    created_at timestamp with time zone not null,
    entered_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    size integer not null,
    constraint insights_pkey PRIMARY KEY (namespace, id, expires_at),
    constraint insights_check CHECK (((model IS NULL) = (embedding IS NULL))),
    constraint insights_importance_check CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision))),
    constraint insights_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    constraint insights_namespace_check CHECK (((length(namespace) >= 1) AND (length(namespace) <= 200))),
    constraint insights_size_check CHECK ((size >= 0))
) partition by RANGE (expires_at);
CREATE INDEX insights_content ON ONLY memory_data.insights USING btree (namespace, content_hash);
CREATE INDEX insights_created ON ONLY memory_data.insights USING btree (namespace, created_at, id);
CREATE INDEX insights_pending ON ONLY memory_data.insights USING btree (namespace, id) WHERE (embedding IS NULL);
CREATE INDEX insights_pinned ON ONLY memory_data.insights USING btree (expires_at) WHERE pinned;
CREATE INDEX insights_session ON ONLY memory_data.insights USING btree (namespace, session, turn) WHERE (session IS NOT NULL);
alter table memory_data.insights enable row level security;
alter table memory_data.insights force row level security;
create policy insights_app on memory_data.insights as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy insights_operator on memory_data.insights as permissive for all to memory_operator
    using (true)
    with check (true);
create policy insights_owner on memory_data.insights as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.insights is
'Layer insights; one row a memory. Private: use the functions and views of schema memory.';

create table memory_data.interact (
    namespace text not null,
    id uuid not null default uuidv7(),
    kind text not null,
    content text not null,
    content_hash bytea not null,
    embedding public.halfvec(384),
    model smallint,
    search tsvector not null,
    language text not null,
    metadata jsonb not null default '{}'::jsonb,
    session text,
    turn integer not null default 0,
    importance real not null default 0.5,
    pinned boolean not null default false,
    created_at timestamp with time zone not null,
    entered_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    size integer not null,
    constraint interact_pkey PRIMARY KEY (namespace, id, expires_at),
    constraint interact_check CHECK (((model IS NULL) = (embedding IS NULL))),
    constraint interact_importance_check CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision))),
    constraint interact_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    constraint interact_namespace_check CHECK (((length(namespace) >= 1) AND (length(namespace) <= 200))),
    constraint interact_size_check CHECK ((size >= 0))
) partition by RANGE (expires_at);
CREATE INDEX interact_content ON ONLY memory_data.interact USING btree (namespace, content_hash);
CREATE INDEX interact_created ON ONLY memory_data.interact USING btree (namespace, created_at, id);
CREATE INDEX interact_pending ON ONLY memory_data.interact USING btree (namespace, id) WHERE (embedding IS NULL);
CREATE INDEX interact_pinned ON ONLY memory_data.interact USING btree (expires_at) WHERE pinned;
CREATE INDEX interact_session ON ONLY memory_data.interact USING btree (namespace, session, turn) WHERE (session IS NOT NULL);
alter table memory_data.interact enable row level security;
alter table memory_data.interact force row level security;
create policy interact_app on memory_data.interact as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy interact_operator on memory_data.interact as permissive for all to memory_operator
    using (true)
    with check (true);
create policy interact_owner on memory_data.interact as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.interact is
'Layer interact; one row a memory. Private: use the functions and views of schema memory.';

create table memory_data.job_run (
    id bigint not null generated always as identity,
    job text not null,
    runner text not null,
    started_at timestamp with time zone not null default clock_timestamp(),
    finished_at timestamp with time zone,
    rows bigint,
    sqlstate text,
    error text,
    constraint job_run_pkey PRIMARY KEY (id),
    constraint job_run_runner_check CHECK ((runner = ANY (ARRAY['pg_cron'::text, 'service'::text, 'manual'::text])))
);
CREATE INDEX job_run_latest ON memory_data.job_run USING btree (job, started_at DESC);
comment on table memory_data.job_run is
'Runs of the scheduled jobs, with rows, duration, error.';

create table memory_data.kind (
    name text not null,
    layer text not null,
    weight double precision not null default 0.5,
    description text not null,
    constraint kind_pkey PRIMARY KEY (name),
    constraint kind_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name),
    constraint kind_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
    constraint kind_weight_check CHECK (((weight >= (0)::double precision) AND (weight <= (1)::double precision)))
);
comment on table memory_data.kind is
'Kinds of record, the layer each is remembered in.';

create table memory_data.kpi_sample (
    at timestamp with time zone not null,
    kpis jsonb not null,
    constraint kpi_sample_pkey PRIMARY KEY (at)
);
comment on table memory_data.kpi_sample is
'The KPIs, minute by minute; read memory.kpi_history.';

create table memory_data.layer (
    name text not null,
    "position" smallint not null,
    ttl interval,
    reach interval not null,
    max_bytes bigint not null,
    eviction_policy text not null,
    promotion_threshold double precision,
    next_layer text,
    half_life interval not null,
    partition_key text not null,
    partition_step interval not null,
    partitions_ahead smallint not null default 7,
    index_rows integer not null default 20000,
    horizon interval not null,
    borrowed_bytes bigint not null default 0,
    archive_first boolean not null default false,
    archive_after interval,
    constraint layer_pkey PRIMARY KEY (name),
    constraint layer_position_key UNIQUE ("position"),
    constraint layer_next_layer_fkey FOREIGN KEY (next_layer) REFERENCES memory_data.layer(name) DEFERRABLE INITIALLY DEFERRED,
    constraint layer_archive_after_check CHECK ((archive_after > '00:00:00'::interval)),
    constraint layer_borrowed_bytes_check CHECK ((borrowed_bytes >= 0)),
    constraint layer_budget_of_an_empty_layer CHECK ((max_bytes >= memory_data.least_budget(ttl, partition_step, partitions_ahead))),
    constraint layer_eviction_policy_check CHECK ((eviction_policy = ANY (ARRAY['lru_with_importance'::text, 'importance_based'::text, 'manual'::text]))),
    constraint layer_half_life_check CHECK ((half_life > '00:00:00'::interval)),
    constraint layer_horizon_check CHECK ((horizon > '00:00:00'::interval)),
    constraint layer_index_rows_check CHECK ((index_rows > 0)),
    constraint layer_max_bytes_check CHECK ((max_bytes > 0)),
    constraint layer_partition_key_check CHECK ((partition_key = ANY (ARRAY['expires_at'::text, 'entered_at'::text]))),
    constraint layer_partition_step_check CHECK ((partition_step > '00:00:00'::interval)),
    constraint layer_partitions_ahead_check CHECK ((partitions_ahead >= 7)),
    constraint layer_promotion_threshold_check CHECK (((promotion_threshold >= (0)::double precision) AND (promotion_threshold <= (1)::double precision))),
    constraint layer_ttl_check CHECK ((ttl > '00:00:00'::interval))
);
comment on table memory_data.layer is
'The three layers and their policy; magray.toml is applied to these rows.';

create table memory_data.model (
    id integer not null generated always as identity,
    name text not null,
    algorithm text not null,
    layer text,
    horizon interval,
    trained_at timestamp with time zone not null,
    rows integer not null,
    features text[] not null,
    combination jsonb not null,
    artifact bytea,
    metrics jsonb not null,
    importances jsonb not null,
    active boolean not null default false,
    activated_at timestamp with time zone,
    constraint model_pkey PRIMARY KEY (id),
    constraint model_name_key UNIQUE (name),
    constraint model_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name),
    constraint model_combination_check CHECK ((combination ?& ARRAY['intercept'::text, 'relevance'::text, 'recency'::text, 'frequency'::text, 'importance'::text])),
    constraint model_features_check CHECK ((cardinality(features) > 0)),
    constraint model_horizon_check CHECK ((horizon > '00:00:00'::interval)),
    constraint model_rows_check CHECK ((rows > 0))
);
CREATE UNIQUE INDEX model_one_active ON memory_data.model USING btree (active) WHERE active;
comment on table memory_data.model is
'Trained models of relevance with what they were worth on a later time; at most one is active.';

create table memory_data.notification (
    id bigint not null generated always as identity,
    alert bigint not null,
    event text not null,
    at timestamp with time zone not null,
    channel text not null,
    body jsonb not null,
    attempts integer not null default 0,
    next_attempt_at timestamp with time zone not null,
    delivered_at timestamp with time zone,
    error text,
    constraint notification_pkey PRIMARY KEY (id),
    constraint notification_alert_fkey FOREIGN KEY (alert) REFERENCES memory_data.alert(id) ON DELETE CASCADE,
    constraint notification_channel_check CHECK ((channel = ANY (ARRAY['log'::text, 'webhook'::text, 'smtp'::text]))),
    constraint notification_event_check CHECK ((event = ANY (ARRAY['opened'::text, 'resolved'::text])))
);
CREATE INDEX notification_waiting ON memory_data.notification USING btree (channel, id) WHERE (delivered_at IS NULL);
comment on table memory_data.notification is
'Messages about alerts, one a channel, kept until they are delivered; in order within a channel.';

create table memory_data.outage (
    id bigint not null generated always as identity,
    began_at timestamp with time zone not null,
    ended_at timestamp with time zone not null,
    cause text not null,
    detail text not null,
    restarted boolean not null,
    constraint outage_pkey PRIMARY KEY (id),
    constraint outage_check CHECK ((ended_at >= began_at))
);
CREATE INDEX outage_time ON memory_data.outage USING btree (ended_at);
comment on table memory_data.outage is
'When services could not reach the database, and why; noted by them once it was back.';

create table memory_data.partition_size (
    name text not null,
    layer text not null,
    method text not null,
    scanned_at timestamp with time zone not null,
    heap_bytes bigint not null,
    filenode oid not null,
    changes bigint not null,
    dead_rows bigint not null,
    vacuums bigint not null,
    heap_free double precision not null,
    toast_free double precision not null,
    constraint partition_size_pkey PRIMARY KEY (name),
    constraint partition_size_heap_free_check CHECK (((heap_free >= (0)::double precision) AND (heap_free <= (1)::double precision))),
    constraint partition_size_method_check CHECK ((method = ANY (ARRAY['pgstattuple_approx'::text, 'estimate'::text]))),
    constraint partition_size_toast_free_check CHECK (((toast_free >= (0)::double precision) AND (toast_free <= (1)::double precision)))
);
comment on table memory_data.partition_size is
'What the last look into a partition found free; where nothing changed it is not read again.';

create table memory_data.pressure (
    layer text not null,
    level text not null,
    since timestamp with time zone not null,
    measured_at timestamp with time zone not null,
    high_at timestamp with time zone,
    constraint pressure_pkey PRIMARY KEY (layer),
    constraint pressure_level_check CHECK ((level = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text])))
);
comment on table memory_data.pressure is
'The pressure level of each layer and of all together, and since when.';

create table memory_data.promotion_rule (
    layer text not null,
    criterion text not null,
    threshold double precision not null,
    required boolean not null default true,
    constraint promotion_rule_pkey PRIMARY KEY (layer, criterion),
    constraint promotion_rule_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name),
    constraint promotion_rule_criterion_check CHECK ((criterion = ANY (ARRAY['ml_score'::text, 'access_count'::text, 'time_span'::text, 'user_rating'::text, 'context_relevance'::text])))
);
comment on table memory_data.promotion_rule is
'What a record of a layer must exceed, every criterion of it, to move to the next layer.';

create table memory_data.promotion_run (
    id bigint not null generated always as identity,
    at timestamp with time zone not null,
    layer text not null,
    job_run bigint,
    candidates bigint not null,
    judged bigint not null,
    promoted bigint not null,
    kept bigint not null,
    fallback bigint not null,
    constraint promotion_run_pkey PRIMARY KEY (id),
    constraint promotion_run_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name)
);
CREATE INDEX promotion_run_time ON memory_data.promotion_run USING btree (at);
comment on table memory_data.promotion_run is
'One row a run of promote and layer: how many were judged, moved, kept.';

create table memory_data.provider_state (
    model text not null,
    failing_since timestamp with time zone,
    error text,
    retry_at timestamp with time zone,
    noted_at timestamp with time zone not null,
    constraint provider_state_pkey PRIMARY KEY (model)
);
comment on table memory_data.provider_state is
'Whether the embedding provider answers the services, and since when it does not.';

create table memory_data.recall_sample (
    id bigint not null generated always as identity,
    at timestamp with time zone not null,
    found integer not null,
    wanted integer not null,
    constraint recall_sample_pkey PRIMARY KEY (id),
    constraint recall_sample_check CHECK (((found >= 0) AND (found <= wanted))),
    constraint recall_sample_wanted_check CHECK ((wanted > 0))
);
CREATE INDEX recall_sample_time ON memory_data.recall_sample USING btree (at);
comment on table memory_data.recall_sample is
'Searches compared with exact ones, to know the recall of what is served.';

create table memory_data.recent_query (
    namespace text not null,
    slot smallint not null,
    embedding public.halfvec not null,
    model smallint not null,
    at timestamp with time zone not null,
    constraint recent_query_pkey PRIMARY KEY (namespace, slot),
    constraint recent_query_model_fkey FOREIGN KEY (model) REFERENCES memory_data.embedding_model(id),
    constraint recent_query_slot_check CHECK ((slot >= 0))
) with (fillfactor=70);
alter table memory_data.recent_query enable row level security;
alter table memory_data.recent_query force row level security;
create policy recent_query_app on memory_data.recent_query as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy recent_query_operator on memory_data.recent_query as permissive for all to memory_operator
    using (true)
    with check (true);
create policy recent_query_owner on memory_data.recent_query as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.recent_query is
'The vectors of what was asked last in a namespace: the context of its memories.';

create table memory_data.restorable_window (
    system text not null,
    timeline integer not null,
    since timestamp with time zone not null,
    until timestamp with time zone not null,
    constraint restorable_window_pkey PRIMARY KEY (system, timeline, since),
    constraint restorable_window_check CHECK ((until >= since))
);
comment on table memory_data.restorable_window is
'Instants the backups and archived WAL can be restored to; replaced as a whole.';

create table memory_data.reuse (
    layer text not null,
    slot smallint not null,
    class smallint not null,
    step smallint not null,
    uses double precision not null,
    constraint reuse_pkey PRIMARY KEY (layer, slot, class, step),
    constraint reuse_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name)
) with (fillfactor=70);
comment on table memory_data.reuse is
'After how long records were used again, by how they had been used before: counts, no ids.';

create table memory_data.reuse_curve (
    layer text not null,
    class smallint not null,
    importance double precision not null,
    recency real[] not null,
    learned_at timestamp with time zone not null,
    uses double precision not null,
    constraint reuse_curve_pkey PRIMARY KEY (layer, class),
    constraint reuse_curve_layer_fkey FOREIGN KEY (layer) REFERENCES memory_data.layer(name),
    constraint reuse_curve_importance_check CHECK ((importance > (0)::double precision))
) with (fillfactor=50);
comment on table memory_data.reuse_curve is
'What memory.learn_reuse made of the counts: importance and recency for eviction.';

create table memory_data.revision (
    namespace text not null,
    id uuid not null,
    at timestamp with time zone not null,
    content text not null,
    kind text not null,
    metadata jsonb not null,
    importance real not null,
    pinned boolean not null
) partition by RANGE (at);
CREATE INDEX revision_record ON ONLY memory_data.revision USING btree (namespace, id, at);
alter table memory_data.revision enable row level security;
alter table memory_data.revision force row level security;
create policy revision_app on memory_data.revision as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy revision_operator on memory_data.revision as permissive for all to memory_operator
    using (true)
    with check (true);
create policy revision_owner on memory_data.revision as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.revision is
'What an edited record was before; gone with its record.';

create table memory_data.route (
    name text not null,
    from_kind text not null,
    to_kind text not null,
    overrides jsonb not null default '{}'::jsonb,
    constraint route_pkey PRIMARY KEY (name),
    constraint route_from_kind_key UNIQUE (from_kind),
    constraint route_from_kind_fkey FOREIGN KEY (from_kind) REFERENCES memory_data.kind(name),
    constraint route_to_kind_fkey FOREIGN KEY (to_kind) REFERENCES memory_data.kind(name),
    constraint route_overrides_check CHECK ((jsonb_typeof(overrides) = 'object'::text))
);
comment on table memory_data.route is
'Where each kind goes when it is promoted.';

create table memory_data.schedule (
    name text not null,
    cron text not null,
    command text not null,
    enabled boolean not null default true,
    description text not null,
    kind text not null default 'sql'::text,
    since timestamp with time zone not null default now(),
    due_at timestamp with time zone,
    constraint schedule_pkey PRIMARY KEY (name),
    constraint schedule_due_at CHECK (((kind = 'backup'::text) OR (due_at IS NULL))),
    constraint schedule_kind_check CHECK ((kind = ANY (ARRAY['sql'::text, 'program'::text, 'backup'::text]))),
    constraint schedule_program CHECK (((kind = 'sql'::text) OR starts_with(command, 'magray '::text)))
);
comment on table memory_data.schedule is
'Jobs: run by pg_cron where it is, otherwise by the service, always the same SQL.';

create table memory_data.score (
    namespace text not null,
    id uuid not null,
    relevance real not null,
    model integer not null,
    scored_at timestamp with time zone not null,
    constraint score_pkey PRIMARY KEY (namespace, id),
    constraint score_model_fkey FOREIGN KEY (model) REFERENCES memory_data.model(id),
    constraint score_relevance_check CHECK (((relevance >= (0)::double precision) AND (relevance <= (1)::double precision)))
) with (fillfactor=70);
alter table memory_data.score enable row level security;
alter table memory_data.score force row level security;
create policy score_app on memory_data.score as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy score_operator on memory_data.score as permissive for all to memory_operator
    using (true)
    with check (true);
create policy score_owner on memory_data.score as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.score is
'Trained relevance of records, written back by magray train; without a row of the active model the fixed weighting answers.';

create table memory_data.search_basis (
    only_row boolean not null default true,
    exact_rows integer not null,
    candidates integer not null,
    max_top_k integer not null,
    model smallint,
    model_name text,
    dim integer,
    constraint search_basis_pkey PRIMARY KEY (only_row),
    constraint search_basis_only_row_check CHECK (only_row)
);
comment on table memory_data.search_basis is
'What every search asks of setting and embedding_model, in one row, kept by triggers on them:
0.02 ms instead of 0.10, a tenth of a search in a small namespace.';

create table memory_data.service_report (
    instance uuid not null,
    at timestamp with time zone not null,
    seconds real not null,
    requests integer not null,
    errors integer not null,
    searches integer not null,
    degraded integer not null,
    query_hits integer not null,
    query_misses integer not null,
    embedding_hits integer not null,
    embedding_misses integer not null,
    bounds real[] not null,
    counts integer[] not null,
    farewell boolean not null default false,
    constraint service_report_pkey PRIMARY KEY (instance, at),
    constraint service_report_check CHECK ((cardinality(bounds) = cardinality(counts))),
    constraint service_report_degraded_check CHECK ((degraded >= 0)),
    constraint service_report_embedding_hits_check CHECK ((embedding_hits >= 0)),
    constraint service_report_embedding_misses_check CHECK ((embedding_misses >= 0)),
    constraint service_report_errors_check CHECK ((errors >= 0)),
    constraint service_report_query_hits_check CHECK ((query_hits >= 0)),
    constraint service_report_query_misses_check CHECK ((query_misses >= 0)),
    constraint service_report_requests_check CHECK ((requests >= 0)),
    constraint service_report_searches_check CHECK ((searches >= 0)),
    constraint service_report_seconds_check CHECK ((seconds > (0)::double precision))
);
CREATE INDEX service_report_time ON memory_data.service_report USING btree (at);
comment on table memory_data.service_report is
'What each service counted in the last seconds: requests, errors, searches and how long they took.';

create table memory_data.setting (
    key text not null,
    value jsonb not null,
    description text not null,
    constraint setting_pkey PRIMARY KEY (key)
);
CREATE TRIGGER search_basis AFTER INSERT OR DELETE OR UPDATE ON memory_data.setting FOR EACH STATEMENT EXECUTE FUNCTION memory_data.refresh_search_basis();
comment on table memory_data.setting is
'Every number the SQL functions read; magray.toml is applied to these rows.';

create table memory_data.sweep (
    table_name text not null,
    after_namespace text,
    after_id uuid,
    constraint sweep_pkey PRIMARY KEY (table_name)
);
comment on table memory_data.sweep is
'How far the search for traces of records that are gone has come in each table.';

create table memory_data.usage (
    namespace text not null,
    id uuid not null,
    first_access timestamp with time zone,
    rating_sum real not null default 0,
    rating_count integer not null default 0,
    context_relevance real,
    past_uses integer not null default 0,
    verdict smallint,
    access_count integer not null default 0,
    last_access timestamp with time zone,
    gap real,
    constraint usage_pkey PRIMARY KEY (namespace, id)
) with (fillfactor=70);
alter table memory_data.usage enable row level security;
alter table memory_data.usage force row level security;
create policy usage_app on memory_data.usage as permissive for all to memory_app
    using ((namespace = ( SELECT NULLIF(current_setting('magray.namespace'::text, true), ''::text) AS "nullif")));
create policy usage_operator on memory_data.usage as permissive for all to memory_operator
    using (true)
    with check (true);
create policy usage_owner on memory_data.usage as permissive for all to memory_owner
    using (true)
    with check (true);
comment on table memory_data.usage is
'One narrow row for a record that was used or rated; apart from the vectors: counting is cheap.';

insert into memory_data.layer (name, position, ttl, reach, max_bytes, eviction_policy, promotion_threshold, next_layer, half_life, partition_key, partition_step, partitions_ahead, index_rows, horizon, borrowed_bytes, archive_first, archive_after) values
    ('interact', '1', '24:00:00', '32:00:00', '536870912', 'lru_with_importance', '0.7', 'insights', '06:00:00', 'expires_at', '08:00:00', '7', '20000', '06:00:00', '0', 'false', NULL),
    ('insights', '2', '90 days', '120 days', '2147483648', 'importance_based', '0.9', 'assets', '30 days', 'expires_at', '30 days', '7', '20000', '7 days', '0', 'false', NULL),
    ('assets', '3', NULL, '1000 years', '8589934592', 'manual', NULL, NULL, '365 days', 'entered_at', '1 year', '7', '20000', '30 days', '0', 'false', NULL);

insert into memory_data.kind (name, layer, weight, description) values
    ('best_practice', 'assets', '0.8', 'How things are done well.'),
    ('core_concept', 'assets', '0.9', 'What everything else builds on.'),
    ('documentation', 'assets', '0.8', 'Documents worth keeping.'),
    ('learned_context', 'insights', '0.6', 'Context learned from use.'),
    ('pattern', 'insights', '0.6', 'A regularity seen across sessions.'),
    ('recent_query', 'interact', '0.4', 'A question asked lately.'),
    ('session_data', 'interact', '0.4', 'State of a running session.'),
    ('snippet', 'insights', '0.5', 'A reusable piece of text or code.'),
    ('solution', 'insights', '0.7', 'What solved a problem.'),
    ('system_knowledge', 'assets', '0.8', 'Facts about the system.'),
    ('temporary_context', 'interact', '0.3', 'Context that matters for a task at hand.'),
    ('user_interaction', 'interact', '0.5', 'What a user or the assistant said or did.');

insert into memory_data.promotion_rule (layer, criterion, threshold, required) values
    ('insights', 'access_count', '10', 'true'),
    ('insights', 'context_relevance', '0.95', 'true'),
    ('insights', 'ml_score', '0.9', 'true'),
    ('insights', 'time_span', '2592000', 'true'),
    ('insights', 'user_rating', '4.5', 'false'),
    ('interact', 'access_count', '3', 'true'),
    ('interact', 'context_relevance', '0.8', 'true'),
    ('interact', 'ml_score', '0.7', 'true'),
    ('interact', 'time_span', '43200', 'true'),
    ('interact', 'user_rating', '4', 'false');

insert into memory_data.route (name, from_kind, to_kind, overrides) values
    ('critical', 'pattern', 'documentation', '{"importance": 0.7}'),
    ('foundation', 'solution', 'core_concept', '{}'),
    ('high_access', 'temporary_context', 'snippet', '{"access_count": 5}'),
    ('high_score', 'recent_query', 'learned_context', '{"ml_score": 0.8}'),
    ('high_value', 'user_interaction', 'solution', '{"importance": 0.5}'),
    ('long_term', 'learned_context', 'system_knowledge', '{"time_span": 2592000}'),
    ('ml_promotion', 'session_data', 'pattern', '{}'),
    ('reference', 'snippet', 'best_practice', '{"access_count": 10}');

insert into memory_data.setting (key, value, description) values
    ('access_event_days', '180', 'How long every single use is kept: what training looks back to.'),
    ('alert_channels', '["log"]', 'Where alerts are told: log, webhook, smtp. NOTIFY is always sent.'),
    ('alert_days', '90', 'How long alerts that are over are kept.'),
    ('analyst_sees_content', 'true', 'Whether memory_analyst is shown content and metadata of memories, in views and functions.'),
    ('archive_percent', '85', 'Usage of a budget at which old records are archived to disk.'),
    ('archive_site', '"of this database"', 'Folder of this database in the archive''s store; a copy of the database shares it.'),
    ('batch_size', '32', 'Texts embedded at once.'),
    ('batch_timeout_ms', '100', 'How long a text may wait for others to be embedded with it.'),
    ('borrow_limit_percent', '100', 'Most a layer may borrow, in percent of its own budget.'),
    ('borrow_percent', '60', 'Usage a layer keeps by borrowing budget while its pressure is low.'),
    ('candidates', '100', 'Length of each candidate list of a search.'),
    ('compress_cold_hours', '24', 'How long a partition must have been closed to be compressed.'),
    ('compress_rerank', '300', 'Candidates of a compressed partition that are compared again by their whole vectors.'),
    ('compress_used_percent', '5', 'Most memories of a partition that may have been used in those hours.'),
    ('cron_history_days', '3', 'How long pg_cron keeps its own record of runs.'),
    ('cron_timezone', '"of this database"', 'The time zone of the schedules: pg_cron''s, where it is.'),
    ('decision_months', '24', 'How long it can be asked why a memory is gone.'),
    ('embedding_attempts', '8', 'How often a text that cannot be embedded is tried before it is set aside; 8: two hours.'),
    ('embedding_cache_size', '10000', 'Vectors the service keeps in memory.'),
    ('exact_rows', '20000', 'Namespaces up to this many memories are searched exactly, larger ones by HNSW.'),
    ('ghost_days', '90', 'How long the use of an evicted record is remembered at most.'),
    ('ghosts_per_record', '8', 'How many evicted records are remembered by their use for each record of a layer.'),
    ('hnsw_ef_construction', '200', 'Candidates while an HNSW index is built, 4..1000.'),
    ('hnsw_ef_search', '100', 'Candidates of an HNSW search over all its partitions, 1..1000.'),
    ('hnsw_m', '16', 'Links per node of an HNSW index, 2..100.'),
    ('idempotency_hours', '24', 'How long an idempotency key is remembered.'),
    ('job_run_days', '30', 'How long runs of jobs are kept; of the latest run of a job, for ever.'),
    ('jobs_enabled', 'true', 'Whether scheduled jobs run at all; false in a restored clone until memory.allow_jobs().'),
    ('kpi_days', '14', 'How long the samples of the KPIs are kept.'),
    ('max_content_chars', '65536', 'Longest content of one memory, in characters.'),
    ('max_top_k', '1000', 'Most results one search may ask for.'),
    ('pressure_high_percent', '90', 'Usage of a budget at which pressure is high.'),
    ('pressure_hysteresis_percent', '5', 'How far usage must fall below a threshold before the level does.'),
    ('pressure_medium_percent', '75', 'Usage of a budget at which pressure is medium.'),
    ('promotion_run_days', '30', 'How long it is kept what runs of promote judged and moved.'),
    ('query_cache_ttl_minutes', '30', 'How long the service may answer a query from its cache.'),
    ('recent_queries', '20', 'Questions of a namespace that make up its context, 1..100; see context relevance.'),
    ('record_overhead_bytes', '1000', 'What a record takes on disk besides its own bytes and its vector: row, indexes, usage.'),
    ('revision_months', '24', 'How long an edited memory shows what it was.'),
    ('service_report_hours', '48', 'How long what the services report is kept; uptime looks back 24.'),
    ('total_max_mb', 'null', 'Budget of all layers together; null: the sum of theirs.');

insert into memory_data.search_basis (only_row, exact_rows, candidates, max_top_k, model, model_name, dim) values
    ('true', '20000', '100', '1000', NULL, NULL, NULL);

insert into memory_data.schedule (name, cron, command, enabled, description, kind, due_at) values
    ('alerts', '* * * * *', 'select * from memory.check_alerts()', 'true', 'Opens and ends alerts by the KPIs.', 'sql', NULL),
    ('archive', '*/5 * * * *', 'select * from memory.archive()', 'true', 'Sends memories nobody used for long to the archive, where a layer''s archive_after says so.', 'sql', NULL),
    ('archive_run', '*/10 * * * *', 'magray archive run', 'true', 'Writes what left its layer to files of the archive, erases what was forgotten from them.', 'program', NULL),
    ('backup_compressed', '* * * * *', 'magray backup compressed', 'true', 'Backs up everything into the cold archive when memory pressure was high.', 'backup', NULL),
    ('backup_drill', '* * * * *', 'magray backup drill', 'true', 'Restores the newest chain aside and checks it, drill_days after the last proof.', 'backup', NULL),
    ('backup_full', '* * * * *', 'magray backup full', 'true', 'Backs up everything, full_hours after the last full.', 'backup', NULL),
    ('backup_incremental', '* * * * *', 'magray backup incremental', 'true', 'Backs up what changed, after incremental_mb of WAL.', 'backup', NULL),
    ('backup_verify', '* * * * *', 'magray backup verify', 'true', 'Reads backups and archived WAL that were not read for verify_days.', 'backup', NULL),
    ('expire', '* * * * *', 'select * from memory.expire()', 'true', 'Reclaims what has expired; gives pinned memories more time.', 'sql', NULL),
    ('ghosts', '27 * * * *', 'select * from memory.purge_ghosts()', 'true', 'Forgets how records evicted long ago were used.', 'sql', NULL),
    ('heartbeat', '* * * * *', 'select * from memory.reconcile_schedule()', 'true', 'Shows that jobs run, and tells pg_cron what changed in the schedule.', 'sql', NULL),
    ('housekeeping', '17 * * * *', 'select * from memory.purge_expired_keys()', 'true', 'Removes idempotency keys past their hours.', 'sql', NULL),
    ('job_history', '41 3 * * *', 'select * from memory.purge_job_runs()', 'true', 'Removes old runs of jobs and of promote, here and in pg_cron.', 'sql', NULL),
    ('kpis', '* * * * *', 'select * from memory.sample_kpis()', 'true', 'Keeps the KPIs of this minute, lets old ones go.', 'sql', NULL),
    ('logs', '23 3 * * *', 'select * from memory.purge_logs()', 'true', 'Drops uses, decisions and edits older than their settings.', 'sql', NULL),
    ('partitions', '*/15 * * * *', 'select * from memory.make_partitions()', 'true', 'Makes the coming partitions of every partitioned table.', 'sql', NULL),
    ('pressure', '* * * * *', 'select * from memory.relieve_pressure()', 'true', 'Measures pressure and relieves it: budget, compression, archive, eviction.', 'sql', NULL),
    ('promote', '*/5 * * * *', 'select * from memory.promote()', 'true', 'Moves what passes its criteria to the next layer.', 'sql', NULL),
    ('recall', '*/10 * * * *', 'select * from memory.sample_recall()', 'true', 'Compares some searches with exact ones.', 'sql', NULL),
    ('reuse', '* * * * *', 'select * from memory.learn_reuse()', 'true', 'Learns from the uses counted what eviction ranks by.', 'sql', NULL),
    ('score', '41 * * * *', 'magray train --score-only --if-ready', 'false', 'Scores every memory by the model in use.', 'program', NULL),
    ('traces', '*/5 * * * *', 'select * from memory.purge_traces()', 'true', 'Removes use counts, edits and counters of memories that are gone.', 'sql', NULL),
    ('train', '23 3 * * *', 'magray train --if-ready', 'false', 'Trains the relevance anew and scores every memory.', 'program', NULL);

insert into memory_data.alert_rule (name, kpi, scope, above, threshold, clear, lasts, severity, enabled, silenced_until, meaning, hint) values
    ('archive backlog', 'archive_backlog', NULL, 'true', '10000', '5000', '00:30:00', 'warning', 'true', NULL, 'What left its layer waits for a file.', 'magray archive run'),
    ('database outage', 'outages', NULL, 'true', '0', '0', '00:00:00', 'warning', 'true', NULL, 'The database was away within the last hour.', 'select * from memory.outages limit 5;'),
    ('embedding provider', 'fallback_rate', 'embedding', 'true', '0.05', '0.01', '00:05:00', 'warning', 'true', NULL, 'Searches are answered by words only.', 'magray check'),
    ('embedding provider away', 'provider_failing', NULL, 'true', '120', '0', '00:01:00', 'warning', 'true', NULL, 'The embedding provider fails: searches find by words only, memories wait for their vectors.', 'magray check'),
    ('error rate', 'error_rate', NULL, 'true', '0.01', '0.005', '00:02:00', 'critical', 'true', NULL, 'Requests fail.', 'magray check'),
    ('fragmentation', 'fragmentation', 'total', 'true', '40', '30', '06:00:00', 'warning', 'true', NULL, 'Much of the disk holds nothing.', 'magray check'),
    ('late jobs', 'job_lateness', NULL, 'true', '600', '120', '00:05:00', 'warning', 'true', NULL, 'A job has not run.', 'select name, late, error from memory.jobs order by late desc nulls last;'),
    ('low recall', 'recall', NULL, 'false', '0.95', '0.97', '00:10:00', 'warning', 'true', NULL, 'Searches miss what is near.', 'select * from memory.plan_indexes();'),
    ('memory pressure high', 'lasting_pressure', NULL, 'true', '1.5', '1', '00:05:00', 'critical', 'true', NULL, 'A layer stays over its budget, though it is relieved every minute.', 'select layer, detail from memory.relieve_pressure(p_dry_run => true) where action = ''report'';'),
    ('memory pressure medium', 'lasting_pressure', NULL, 'true', '0.5', '0', '00:15:00', 'warning', 'true', NULL, 'A layer from which nothing is evicted by itself is filling.', 'Raise max_size_mb of the layer in magray.toml, then: magray migrate'),
    ('search latency', 'search_latency', 'p95', 'true', '250', '200', '00:05:00', 'warning', 'true', NULL, 'Searches are slow.', 'select * from memory.kpi_history where kpi = ''search_latency'';'),
    ('stale proof', 'proof_age', NULL, 'true', '691200', '604800', '00:10:00', 'warning', 'true', NULL, 'No restore was proved right for more than a week.', 'magray backup drill'),
    ('wal archive', 'wal_archive_failing', NULL, 'true', '300', '60', '00:01:00', 'critical', 'true', NULL, 'WAL is not archived: what is written now cannot be restored.', 'magray backup info');
