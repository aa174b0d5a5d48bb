-- Conditions of the partitions: made ahead, and not left lying when their time is past. Right after a
-- step has passed the next one is not made yet: an hour, four runs of the job, is no delay. What is late
-- is a warning while a memory stored now for its layer's whole ttl has its partition, for seven steps or
-- more are made ahead: a service that starts after a pause must come up, and makes them then.
create or replace function memory._partition_conditions(p_now timestamptz)
returns table (condition text, ok boolean, needed boolean, detail text, hint text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select 'partitions ahead', count(*) filter (where w.missing) = 0,
    coalesce(bool_or(w.in_use) filter (where w.missing), true),
    format('%s missing of %s', count(*) filter (where w.missing), count(*)),
    'select * from memory.make_partitions();'
from (
    select to_regclass(format('memory_data.%I', p.parent || '_' || p.suffix)) is null as missing,
        p.starts <= p_now + coalesce(l.ttl, '0') as in_use
    from memory._wanted_partitions(p_now - interval '1 hour') as p
    left join memory_data.layer as l on l.name = p.parent
    where p.ends > p_now) as w
union all
-- Someone who reads for long keeps them; a quarter of an hour is more than a few retries. A table that
-- was detached already is told of while somebody keeps it.
select 'expired partitions', count(e.name) = 0, false,
    case when count(e.name) = 0 then 'none is left'
         else format('%s lie there since %s; in use by: %s', count(e.name), coalesce(min(e.ends), p_now),
                     coalesce(string_agg(e.pids, '; ') filter (where e.pids <> ''), 'nobody')) end,
    'select * from memory.expire();'
from (
    select p.name, p.ends, (
        select string_agg(distinct 'pid ' || k.pid, ', ') from pg_locks as k
        where k.relation = format('memory_data.%I', p.name)::regclass and k.pid <> pg_backend_pid()) as pids
    from (
        select o.name, o.ends from memory_data.layer as l
        cross join lateral memory._partitions_of_table(l.name) as o
        where l.partition_key = 'expires_at' and o.ends < p_now - interval '15 minutes'
        union all
        select d.name, null from memory._detached_partitions() as d) as p) as e
where e.ends is not null or e.pids is not null
union all
select 'unfinished detach', count(*) = 0, false,
    coalesce(string_agg(i.inhrelid::regclass::text, ', '), 'none'),
    coalesce('alter table ' || min(i.inhparent::regclass::text) || ' detach partition '
             || min(i.inhrelid::regclass::text) || ' finalize;', 'select * from memory.expire();')
from pg_inherits as i
where i.inhdetachpending
$function$;

comment on function memory._partition_conditions is
'Whether partitions are made ahead and dropped in time; rows as memory.check_database.';
