-- Removes what hung on records that are gone: use counts, scores, what edited ones were before, embedding
-- failures, and counters of namespaces that hold nothing any more. (Single uses stay for training, to
-- their own age.) Each table is walked in the order of its key, p_limit rows a call, beginning anew at
-- its end: a partition's records are gone without anybody having read their ids.
--
-- Candidates are locked, then asked for again with a fresh snapshot: a record that was on its way to
-- another layer, or back from the archive, keeps what it has.
create or replace function memory.purge_traces(p_limit integer default 5000, p_dry_run boolean default false)
returns table (table_name text, namespace text, id uuid)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_table text;
begin
    if not memory._lock_job('memory.purge_traces') then
        return;
    end if;
    foreach v_table in array array['usage', 'score', 'embedding_failure', 'revision'] loop
        return query select v_table, t.namespace, t.id
                     from memory._purge_traces_in_table(v_table, p_limit, p_dry_run) as t;
    end loop;
    return query select 'change_counter', n.namespace, null::uuid
                 from memory._purge_change_counters(p_limit, p_dry_run) as n;
end;
$function$;

comment on function memory.purge_traces is
'Remove use counts, edits and counters of what is gone, a bounded batch in key order; returns them.';
