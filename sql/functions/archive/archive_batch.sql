-- The next records to be written to a file: in the order they came, at most p_rows and about p_bytes
-- (at least one). Reads only; memory.register_archive takes them out once the file is safe.
-- JSON as text: numbers come back digit by digit. Parquet readers begin with the year 1: an older
-- created_at is told as that.
create or replace function memory.archive_batch(
    p_rows integer default 10000, p_bytes bigint default 67108864
)
returns table (
    seq bigint, namespace text, id uuid, archived_at timestamptz, reason text, layer text, kind text,
    content text, content_hash bytea, embedding halfvec, model text, language text, metadata text,
    session text, turn integer, importance real, pinned boolean, created_at timestamptz,
    entered_at timestamptz, expires_at timestamptz, size integer, access_count integer,
    first_access timestamptz, last_access timestamptz, rating_sum real, rating_count integer,
    context_relevance real, usage text, revisions text, events text
)
language sql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
select o.seq, o.namespace, o.id, o.archived_at, o.reason, o.layer, o.kind, o.content, o.content_hash,
    o.embedding, e.name, o.language, o.metadata::text, o.session, o.turn, o.importance, o.pinned,
    greatest(o.created_at, timestamptz '0001-01-03 00:00:00+00'), o.entered_at,
    nullif(o.expires_at, 'infinity'), o.size, u.access_count, u.first_access, u.last_access,
    u.rating_sum, u.rating_count, u.context_relevance, o.usage::text, o.revisions::text, o.events::text
from (
    select n.*,
        sum(n.size + pg_column_size(n.revisions) + pg_column_size(n.events)) over (order by n.seq) as upto,
        row_number() over (order by n.seq) as place
    from (select b.* from memory_data.archive_outbox as b order by b.seq limit p_rows) as n) as o
left join memory_data.embedding_model as e on e.id = o.model
cross join lateral jsonb_populate_record(null::memory_data.usage, o.usage) as u
where o.upto <= p_bytes or o.place = 1
order by o.seq
$function$;

comment on function memory.archive_batch is
'The next records that wait in the outbox of the archive, whole, in the order they came.';
