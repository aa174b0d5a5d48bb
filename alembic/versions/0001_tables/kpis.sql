-- What the services report, the KPIs made of it, and when the database was away.

create table memory_data.service_report (
    instance uuid not null,
    at timestamptz not null,
    -- the time it covers, which ends at `at`
    seconds real not null check (seconds > 0),
    requests integer not null check (requests >= 0),
    -- answered with a status of 500 or more
    errors integer not null check (errors >= 0),
    searches integer not null check (searches >= 0),
    -- of the searches, answered by words only because the embedding provider failed
    degraded integer not null check (degraded >= 0),
    query_hits integer not null check (query_hits >= 0),
    query_misses integer not null check (query_misses >= 0),
    embedding_hits integer not null check (embedding_hits >= 0),
    embedding_misses integer not null check (embedding_misses >= 0),
    -- how long searches took: upper bounds in ms, ascending, and how many lie at or below each and
    -- above the one before
    bounds real[] not null,
    counts integer[] not null,
    -- the last word of a service that was stopped in order
    farewell boolean not null default false,
    primary key (instance, at),
    check (cardinality(bounds) = cardinality(counts))
);
create index service_report_time on memory_data.service_report (at);
comment on table memory_data.service_report is
'What each service counted in the last seconds: requests, errors, searches and how long they took.';

create table memory_data.recall_sample (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    -- of the nearest memories by comparing all, how many memory.search returned
    found integer not null check (found between 0 and wanted),
    wanted integer not null check (wanted > 0)
);
create index recall_sample_time on memory_data.recall_sample (at);
comment on table memory_data.recall_sample is
'Searches compared with exact ones, to know the recall of what is served.';

create table memory_data.kpi_sample (
    at timestamptz primary key,
    -- [{kpi, scope, value, label}]: the rows of memory.kpis without what the catalogue says
    kpis jsonb not null
);
comment on table memory_data.kpi_sample is 'The KPIs, minute by minute; read memory.kpi_history.';

create table memory_data.outage (
    id bigint generated always as identity primary key,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    -- in a few words
    cause text not null,
    -- what PostgreSQL or the system said of it
    detail text not null,
    -- whether a service started PostgreSQL again
    restarted boolean not null,
    check (ended_at >= began_at)
);
create index outage_time on memory_data.outage (ended_at);
comment on table memory_data.outage is
'When services could not reach the database, and why; noted by them once it was back.';
