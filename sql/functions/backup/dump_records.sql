-- Everything of a namespace, or of some ids in it, as JSON that memory.bring_back takes: read on a
-- restored clone, written into the live database.
create or replace function memory.dump_records(p_namespace text, p_ids uuid[] default null)
returns setof jsonb
language plpgsql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
begin
    perform memory._check_namespace(p_namespace);
    return query
    select jsonb_build_object('layer', m.layer, 'row', m.row, 'usage', to_jsonb(u), 'revisions', coalesce((
        select jsonb_agg(to_jsonb(r) - array['namespace', 'id'] order by r.at)
        from memory_data.revision as r where r.namespace = p_namespace and r.id = m.id), '[]'))
    from (
        select 'interact' as layer, i.id, to_jsonb(i) as row
        from memory_data.interact as i where i.namespace = p_namespace
        union all
        select 'insights', i.id, to_jsonb(i)
        from memory_data.insights as i where i.namespace = p_namespace
        union all
        select 'assets', a.id, to_jsonb(a)
        from memory_data.assets as a where a.namespace = p_namespace
    ) as m
    left join memory_data.usage as u on u.namespace = p_namespace and u.id = m.id
    where p_ids is null or m.id = any (p_ids)
    order by m.id;
end;
$function$;

comment on function memory.dump_records is
'Records of a namespace with their use and edits, as JSON for memory.bring_back in another database.';
