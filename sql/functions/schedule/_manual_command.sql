-- What to type to run a job by hand: SQL for psql, or the command of the shell.
create or replace function memory._manual_command(p_name text, p_kind text, p_command text)
returns text
language sql
immutable
set search_path to pg_catalog, pg_temp
as $function$
select case p_kind when 'sql' then format('select * from memory.run_job(%L);', p_name) else p_command end
$function$;

comment on function memory._manual_command is
'What to type to run a job by hand: a query, or the command of a program.';
