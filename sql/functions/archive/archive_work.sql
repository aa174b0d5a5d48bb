-- The files of the archive that hold forgotten records (of p_namespace), longest waiting first, with
-- what is to be taken out of each. Last those that a check or a try found damaged or missing, or
-- p_limit of them would keep all others from their turn.
create or replace function memory.archive_work(p_limit integer default 100, p_namespace text default null)
returns table (
    archive uuid, file text, tier text, bytes bigint, rows bigint, namespaces text[], ids uuid[]
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select a.id, a.file, a.tier, a.bytes, a.rows, array_agg(e.namespace order by e.namespace, e.id),
    array_agg(e.id order by e.namespace, e.id)
from memory_data.archive_erasure as e
join memory_data.archive as a on a.id = e.archive
group by a.id
having p_namespace is null or bool_or(e.namespace = p_namespace)
order by a.fault is not null, min(e.requested_at), a.id
limit p_limit
$function$;

comment on function memory.archive_work is
'Files of the archive to be rewritten, and which records each must lose.';
