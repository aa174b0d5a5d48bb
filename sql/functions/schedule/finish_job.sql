-- Ends what memory.begin_job began in this session. p_error null: it went well.
create or replace function memory.finish_job(p_run bigint, p_rows bigint default null, p_error text default null)
returns void
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_job text;
begin
    update memory_data.job_run as r
    set finished_at = clock_timestamp(), rows = p_rows, error = left(p_error, 1000),
        -- external routine exception
        sqlstate = case when p_error is not null then '38000' end
    where r.id = p_run and r.finished_at is null
    returning r.job into v_job;
    if found then
        perform pg_advisory_unlock(hashtextextended('memory job job ' || v_job, 0));
    end if;
end;
$function$;

comment on function memory.finish_job is 'End a program job: keep how it went, let go of its lock.';
