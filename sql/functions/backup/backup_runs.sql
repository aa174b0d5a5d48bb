-- Runs of backups, verifications, restores and drills, newest first.
create or replace function memory.backup_runs(p_limit integer default 50, p_id uuid default null)
returns table (
    id uuid, action text, request jsonb, state text, stage text, done bigint, total bigint,
    started_at timestamptz, finished_at timestamptz, result jsonb, error jsonb
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_limit is null or p_limit not between 1 and 1000 then
        raise exception 'limit is outside 1..1000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = 'select * from memory.backup_runs(1000)';
    end if;
    return query
    select r.id, r.action, r.request, r.state, r.stage, r.done, r.total, r.started_at,
        r.finished_at, r.result, r.error
    from memory_data.backup_run as r
    where p_id is null or r.id = p_id
    order by r.started_at desc, r.id desc
    limit p_limit;
end;
$function$;

comment on function memory.backup_runs is
'Backups, verifications, restores and drills, newest first, and how they went or go.';
