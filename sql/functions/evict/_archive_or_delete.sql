-- Records of a layer, whose rows the caller has locked, leave it for a reason (evict): into the archive
-- where the layer says archive_first, otherwise they are deleted with everything that hangs on them.
-- The caller keeps the decision. Returns what became of each: archive, or the reason.
create or replace function memory._archive_or_delete(
    p_layer text, p_namespaces text[], p_ids uuid[], p_reason text, p_now timestamptz
)
returns table (namespace text, id uuid, action text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if (select l.archive_first from memory_data.layer as l where l.name = p_layer) then
        return query
        select h.namespace, h.id, 'archive'::text
        from memory._hand_to_archive(p_layer, p_namespaces, p_ids, p_reason, p_now, false) as h;
        return;
    end if;
    return query
    select n.namespace, d.id, p_reason
    from (select r.namespace, array_agg(r.id) as ids
          from unnest(p_namespaces, p_ids) as r (namespace, id)
          group by r.namespace
          order by r.namespace) as n
    cross join lateral memory._delete_records(p_layer, n.namespace, n.ids) as d;
    perform memory._delete_traces(n.namespace, n.ids)
    from (select r.namespace, array_agg(r.id) as ids
          from unnest(p_namespaces, p_ids) as r (namespace, id)
          group by r.namespace
          order by r.namespace) as n;
end;
$function$;

comment on function memory._archive_or_delete is
'Let locked records leave a layer for the archive or be deleted; returns what became of each.';
