-- True for the one session that may train; it keeps the right until it ends or unlocks. A lock of the
-- session, for a training reads, computes for minutes and then writes, each in its own transaction.
create or replace function memory.lock_training()
returns boolean
language sql
set search_path to pg_catalog, pg_temp
as $function$
select pg_try_advisory_lock(hashtextextended('memory.train', 0))
$function$;

comment on function memory.lock_training is 'Whether this session may train; false while another one does.';
