-- Where a trace is copied to.
create temp table request (object bigint not null, at timestamptz not null, size bigint not null); -- noqa: RF04
