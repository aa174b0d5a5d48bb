-- A run begins; runs of a service that died are ended here, for nobody else does.
create or replace function memory.begin_backup_run(p_action text, p_request jsonb, p_now timestamptz default now())
returns uuid
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_id uuid;
begin
    update memory_data.backup_run as r
    set state = 'failed', finished_at = p_now,
        error = jsonb_build_object('code', 'MLB50', 'message', 'the process that ran it is gone')
    where r.state = 'running' and r.started_at < p_now - interval '1 day';
    insert into memory_data.backup_run (action, request) values (p_action, p_request)
    returning backup_run.id into v_id;
    return v_id;
end;
$function$;

comment on function memory.begin_backup_run is
'Register a backup, verification, restore or drill that begins; returns its id.';
