-- What can be restored, when that was last proved, how long the last restore took, whether WAL is
-- archived.
--
-- Where no restore was ever proved right, the proof is as old as the first backup, by its run too:
-- backups may be pruned before they are a week old.
--
-- Failing since: the oldest segment that waits. Where that may not be seen, since something was
-- archived, or since the archiver's statistics begin, which a crash resets. Never since the last
-- failure: every further one, a minute later, would make it new.
create or replace function memory._kpis_of_backup(p_now timestamptz)
returns table (kpi text, scope text, place integer, value double precision, label text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select v.kpi, 'total', 1, v.value, v.label
from (
    select min(b.restorable_since) as since, max(b.restorable_until) as until, max(b.proven_until) as proven,
        case when max(b.proven_until) is null then least(min(b.stopped_at), (
            select min(r.finished_at) from memory_data.backup_run as r
            where r.action = 'backup' and r.state = 'done' and r.finished_at <= p_now)) end as unproven
    from memory.backups as b
    where b.restorable) as w
cross join lateral (values
    ('restorable_from', extract(epoch from w.since)::double precision, w.since::text),
    ('restorable_until', extract(epoch from w.until)::double precision, w.until::text),
    ('proof_age', extract(epoch from p_now - coalesce(w.proven, w.unproven))::double precision,
        case when w.unproven is not null then 'never' end)) as v (kpi, value, label)
union all
(select 'recovery_time', 'restore', 1, max(r.seconds), null
 from (
    select extract(epoch from b.finished_at - b.started_at)::double precision as seconds
    from memory_data.backup_run as b
    where b.action in ('restore', 'drill') and b.state = 'done' and b.finished_at <= p_now
    order by b.finished_at desc
    limit 1) as r)
union all
select 'wal_archive_failing', 'total', 1,
    case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
        then extract(epoch from p_now - coalesce(memory._wal_waiting_since(), a.last_archived_time, a.stats_reset)
        )::double precision
        when current_setting('archive_mode') <> 'off' then 0 end,
    case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then a.last_failed_wal end
from pg_stat_archiver as a
$function$;

comment on function memory._kpis_of_backup is
'The KPIs of memory.kpis about what can be restored and whether it was proved.';
