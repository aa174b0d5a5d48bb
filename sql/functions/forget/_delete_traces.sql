-- Removes everything that hangs on records: use, scores, history, events, embedding failures.
create or replace function memory._delete_traces(p_namespace text, p_ids uuid[])
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    delete from memory_data.usage as u where u.namespace = p_namespace and u.id = any (p_ids);
    delete from memory_data.score as s where s.namespace = p_namespace and s.id = any (p_ids);
    delete from memory_data.revision as r where r.namespace = p_namespace and r.id = any (p_ids);
    delete from memory_data.access_event as a where a.namespace = p_namespace and a.id = any (p_ids);
    delete from memory_data.embedding_failure as f
    where f.namespace = p_namespace and f.id = any (p_ids);
end;
$function$;

comment on function memory._delete_traces is
'Delete usage, scores, history, events and embedding failures of records by id.';
