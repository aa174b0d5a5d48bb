-- Whether the caller is the one who delivers messages, as long as its session lasts: several at once
-- would deliver them twice and out of order.
create or replace function memory.lock_notifications()
returns boolean
language sql
set search_path to pg_catalog, pg_temp
as $function$
select pg_try_advisory_lock(hashtextextended('memory.notifications', 0))
$function$;

comment on function memory.lock_notifications is
'Try to become the session that delivers messages about alerts.';
