-- What is only written and read back, partitioned by time: the step of its partitions, and before when
-- they are past (access_event_days, decision_months, revision_months).
create or replace function memory._partitioned_logs(p_now timestamptz)
returns table (name text, step interval, horizon timestamptz)
language sql
stable
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
select v.name, v.step, p_now - memory._setting(v.setting)::integer * v.step
from (values ('access_event', 'access_event_days', interval '1 day'),
             ('decision', 'decision_months', interval '1 month'),
             ('revision', 'revision_months', interval '1 month')) as v (name, setting, step)
$function$;

comment on function memory._partitioned_logs is
'The logs of uses, decisions and edits with the step of their partitions and the end of their retention.';
