-- The latest moment at which, at p_now, something may be said to have begun. What lies beyond it was
-- written while the clock ran ahead and says nothing about when a job ran: believed, it would hold
-- the job back until that moment comes. The minute is for statements that began before the run
-- they read about.
create or replace function memory._latest_plausible_start(p_now timestamptz)
returns timestamptz
language sql
immutable
set search_path to pg_catalog, pg_temp
as $function$
select p_now + interval '1 minute'
$function$;

comment on function memory._latest_plausible_start is
'The latest moment that is not in the future at p_now, with a minute''s tolerance.';
