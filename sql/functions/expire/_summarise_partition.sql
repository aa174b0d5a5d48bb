-- What a partition of a layer holds, a row a namespace: how many records, their first and last id,
-- and of each id the last three bytes. One index-only scan in the order of the key: 1,000,000 records
-- of 2,000 namespaces in 0.4 s, 0.25 of it for the count alone.
--
-- p_unpinned: leaves out pinned ones, for a dry run of memory.expire, which would have moved them.
create or replace function memory._summarise_partition(p_partition text, p_unpinned boolean default false)
returns table (namespace text, records bigint, from_id uuid, to_id uuid, members bytea)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
set enable_seqscan to off
set enable_bitmapscan to off
as $function$
begin
    return query execute format(
        'select m.namespace, count(*), encode(min(uuid_send(m.id)), ''hex'')::uuid, '
        '       encode(max(uuid_send(m.id)), ''hex'')::uuid, string_agg(substr(uuid_send(m.id), 14), '''') '
        'from memory_data.%I as m %s group by m.namespace', p_partition,
        case when p_unpinned then 'where not m.pinned' else '' end);
end;
$function$;

comment on function memory._summarise_partition is
'The records of a partition by namespace: count, first and last id, and what tells each id.';
