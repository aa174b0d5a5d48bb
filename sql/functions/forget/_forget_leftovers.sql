-- Forgets what a namespace leaves behind when none of its memories is there any more: what was asked
-- in it, what is remembered of the use of evicted ones, answers of its writes, and what hung on memories
-- that went by themselves (their edits hold what they said). Only decisions stay. Uses are found by no
-- index: they are read as a whole.
create or replace function memory._forget_leftovers(p_namespace text)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_table text;
begin
    foreach v_table in array array[
        'recent_query', 'ghost', 'idempotency', 'usage', 'score', 'revision', 'access_event',
        'embedding_failure']
    loop
        execute format('delete from memory_data.%I as t where t.namespace = $1', v_table) using p_namespace;
    end loop;
    perform memory._forget_detached(p_namespace);
end;
$function$;

comment on function memory._forget_leftovers is
'Delete what hangs on a namespace without memories: questions, uses, edits, answers.';
