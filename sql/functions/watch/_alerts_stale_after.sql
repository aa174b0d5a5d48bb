-- How long memory.check_alerts may stay away before what it knows is old: three times what lies between
-- two of its runs, and five minutes at least, for a run may be late. After that memory.check_health says
-- that nobody checks, and what was pending is not known to have lasted.
create or replace function memory._alerts_stale_after(p_now timestamptz)
returns interval
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select greatest(interval '5 minutes', 3 * max(memory._next_due(s.cron, n.due, z.zone) - n.due))
from memory_data.schedule as s
cross join (select memory._setting('cron_timezone') #>> '{}' as zone) as z
cross join lateral (select memory._next_due(s.cron, p_now, z.zone) as due) as n
where s.name = 'alerts'
$function$;

comment on function memory._alerts_stale_after is
'How long the check of alerts may stay away before what it knows is old.';
