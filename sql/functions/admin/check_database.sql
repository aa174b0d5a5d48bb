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
select c.* from memory._job_conditions(p_now) as c
union all
select c.* from memory._partition_conditions(p_now) as c
union all
select 'search indexes', count(*) = 0, false, format('%s to build or to drop', count(*)),
    'magray check --fix'
from memory.plan_indexes(p_now) as i
union all
select 'pressure', max(m.level) filter (where m.level = 'high') is null, false,
    string_agg(format('%s %s, %s%% of %s', m.layer, m.level, round(m.usage_percent::numeric, 1),
                      pg_size_pretty(m.budget_bytes)), '; '),
    'select * from memory.relieve_pressure(p_dry_run => true);'
from memory.measure_pressure(p_now, true) as m
union all
select 'fragmentation', m.stranded_bytes < greatest(m.disk_bytes / 4, 64 << 20), false,
    format('%s%% of %s free, by %s; %s of it in closed partitions', m.fragmentation_percent,
           pg_size_pretty(m.disk_bytes), m.method, pg_size_pretty(m.stranded_bytes)),
    'vacuum (full) the partitions of: select * from memory_data.partition_size order by heap_free desc;'
from memory.measure_pressure(p_now, true) as m where m.layer = 'total'
union all
select 'row level security', count(*) = 0, true,
    coalesce(string_agg(c.relname, ', '), 'forced on every table of a namespace'),
    'magray migrate'
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attname = 'namespace' and not a.attisdropped
where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'p')
    and not (c.relrowsecurity and c.relforcerowsecurity)
union all
select c.* from memory._embedding_conditions(p_now) as c
union all
select 'archive backlog', coalesce(min(b.since) > p_now - interval '1 day', true), false,
    string_agg(b.waiting || ' ' || b.item || coalesce(' since ' || b.since, '')
               || coalesce(' (' || b.note || ')', ''), ', '),
    -- from a file that is gone or damaged nothing can be erased
    coalesce((select format('magray archive clean --accept-%s --dry-run', a.state)
              from memory.archives as a where a.state in ('damaged', 'missing') and a.erasing > 0
              order by a.state desc limit 1), 'magray archive run')
from memory.archive_backlog() as b
union all
select 'archive files', count(*) = 0, false,
    coalesce(string_agg(a.file || ' is ' || a.state, ', '), 'whole as far as they were checked'),
    case when count(*) = 0 then 'magray archive verify'
         else format('magray archive clean --accept-%s --dry-run', max(a.state)) end
from memory.archives as a where a.state in ('damaged', 'missing')
union all
-- tried for longer than a receiver takes to restart; the newest reason
select 'alert messages', count(*) = 0, false,
    case when count(*) = 0 then 'delivered'
         else format('%s not delivered since %s; %s', count(*), min(n.at),
                     (array_agg(n.channel || ': ' || n.error order by n.id desc))[1]) end,
    'select channel, id, attempts, error from memory_data.notification where delivered_at is null;'
from memory_data.notification as n
where n.delivered_at is null and n.attempts > 0 and n.at < p_now - interval '10 minutes'
$function$;

comment on function memory.check_database is
'Conditions the database must or should meet, with detail and the command that mends it.';
