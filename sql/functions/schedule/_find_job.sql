-- A job by name, or ML404; ML422 when it is not of the kind that can be run this way.
create or replace function memory._find_job(p_name text, p_kind text default null)
returns memory_data.schedule
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_job memory_data.schedule;
begin
    select * into v_job from memory_data.schedule as s where s.name = p_name;
    if not found then
        raise exception 'job "%" does not exist', p_name
            using errcode = 'ML404',
                  detail = 'Known: ' || (select string_agg(s.name, ', ' order by s.name)
                                         from memory_data.schedule as s) || '.',
                  hint = 'select * from memory.jobs;';
    end if;
    if v_job.kind <> p_kind then
        raise exception 'job "%" is of kind %', p_name, v_job.kind
            using errcode = 'ML422',
                  detail = format('A job of kind %s is needed here.', p_kind),
                  hint = memory._manual_command(v_job.name, v_job.kind, v_job.command);
    end if;
    return v_job;
end;
$function$;

comment on function memory._find_job is 'A job of the schedule by its name; ML404 when there is none.';
