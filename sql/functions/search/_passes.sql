-- Whether a memory passes a filter. Inlined into the queries that ask, so it costs what the five
-- conditions cost written out; hence no `set`, and names that are resolved when it is made.
create or replace function memory._passes(
    p_filter memory._filter, p_kind text, p_session text, p_metadata jsonb, p_created_at timestamptz
)
returns boolean
language sql
immutable
return ((p_filter).kinds is null or p_kind = any((p_filter).kinds))
    and ((p_filter).session is null or p_session = (p_filter).session)
    and ((p_filter).metadata is null or p_metadata @> (p_filter).metadata)
    and ((p_filter).created_after is null or p_created_at >= (p_filter).created_after)
    and ((p_filter).created_before is null or p_created_at < (p_filter).created_before);

comment on function memory._passes is 'Whether a memory passes a filter; its layer is not looked at.';
