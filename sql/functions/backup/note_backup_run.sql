-- How a run gets on: stage and bytes, and once at the end a result or an error.
create or replace function memory.note_backup_run(
    p_id uuid, p_stage text, p_done bigint, p_total bigint,
    p_result jsonb default null, p_error jsonb default null
)
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
    update memory_data.backup_run as r
    set stage = p_stage, done = p_done, total = p_total, result = p_result, error = p_error,
        state = case when p_error is not null then 'failed'
                     when p_result is not null then 'done' else 'running' end,
        finished_at = case when coalesce(p_result, p_error) is not null then clock_timestamp() end
    where r.id = p_id and r.state = 'running';
$function$;

comment on function memory.note_backup_run is
'Note how a backup run gets on; a result or an error ends it.';
