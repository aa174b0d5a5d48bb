-- When a job of kind backup is due: at the first moment of its schedule once the rules say so (p_due_at,
-- see memory.expect_backups), which by default is that minute. Null while nothing is known to become
-- due, and from its start until the service has said when it is due again.
create or replace function memory._backup_due(
    p_cron text, p_due_at timestamptz, p_last timestamptz, p_zone text
)
returns timestamptz
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select greatest(p_due_at, n.moment)
from memory._next_due(p_cron, date_trunc('minute', p_due_at) - interval '1 microsecond', p_zone) as n (moment)
where n.moment is not null and (p_last is null or p_last < p_due_at)
$function$;

comment on function memory._backup_due is
'When a job of kind backup is due by its rules and its schedule; null when that is not known.';
