-- When a job is due at p_now: next after its last run, or after its schedule came to count if that was
-- later. Neither counts while it lies in the future (memory._latest_plausible_start); with neither, nothing is
-- known of the job, and it is due at once. Null: not a schedule, or never.
create or replace function memory._job_due(
    p_cron text, p_since timestamptz, p_last timestamptz, p_now timestamptz, p_zone text
)
returns timestamptz
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select case when b.begun is not null then memory._next_due(p_cron, b.begun, p_zone)
            when memory._next_due(p_cron, p_now, p_zone) is not null then p_now end
from memory._latest_plausible_start(p_now) as l (moment)
cross join lateral (
    select greatest(
        case when p_since <= l.moment then p_since end, case when p_last <= l.moment then p_last end) as begun
) as b
$function$;

comment on function memory._job_due is
'When a job is due by its schedule, its last run and the time now; null when it never is.';
