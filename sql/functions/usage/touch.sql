-- Count a use of memories: at most one a record, session and minute counts; every use is kept as an
-- event.
create or replace function memory.touch(
    p_namespace text,
    p_ids uuid[],
    p_session text default null,
    p_source text default 'touch',
    p_now timestamptz default now()
)
returns table (id uuid, access_count integer, last_access timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_namespace(p_namespace);
    return query
    select c.id, c.access_count, c.last_access
    from memory._count_uses(
        array_fill(p_namespace, array[cardinality(p_ids)]), p_ids,
        array_fill(p_session, array[cardinality(p_ids)]),
        array_fill(p_source, array[cardinality(p_ids)]), p_now) as c;
end;
$function$;

comment on function memory.touch is
'Count a use of memories, at most one a record, session and minute; returns the new counts.';
