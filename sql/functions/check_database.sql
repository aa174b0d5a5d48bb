-- What the database itself can tell about its fitness, one row a condition. `needed` false: a
-- warning. The hint is a command.
create or replace function memory.check_database(p_now timestamptz default now())
returns table (condition text, ok boolean, needed boolean, detail text, hint text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'postgresql version', current_setting('server_version_num')::integer >= 180000, true,
    current_setting('server_version'), 'Install PostgreSQL 18.'
union all
select 'pgvector version', string_to_array(e.extversion, '.')::integer[] >= array[0, 8, 6], true,
    e.extversion, 'Install pgvector 0.8.6 or newer, then: alter extension vector update;'
from pg_extension as e where e.extname = 'vector'
union all
select 'data checksums', current_setting('data_checksums') = 'on', true,
    current_setting('data_checksums'), 'pg_checksums --enable -D PGDATA'
union all
select c.* from memory._check_jobs(p_now) as c
union all
select c.* from memory._check_partitions(p_now) as c
union all
select 'search indexes', count(*) = 0, false, format('%s to build', count(*)),
    'magray check --fix'
from memory.plan_indexes(p_now) as i
union all
select 'row level security', count(*) = 0, true,
    coalesce(string_agg(c.relname, ', '), 'forced on every table of a namespace'),
    'magray migrate'
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attname = 'namespace' and not a.attisdropped
where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'p')
    and not (c.relrowsecurity and c.relforcerowsecurity)
union all
select 'embedding model', count(*) = 1, false,
    coalesce(max(m.name || ', ' || m.dim || ' dimensions'), 'none registered yet'), 'magray migrate'
from memory._active_model() as m
union all
select 'waiting for vectors', count(*) < 10000, false, format('%s memories', count(*)),
    'Is the service running? magray serve'
from memory._memories as m where m.embedding is null and m.expires_at > p_now
$function$;

comment on function memory.check_database is
'Conditions the database must or should meet, with detail and the command that mends it.';
