-- Tells query caches that something in a namespace changed: they compare memory.change_token.
-- Sixteen rows a namespace, so that concurrent writers seldom wait for each other. A new row starts
-- from the clock, in microseconds, so that a namespace whose rows were purged meanwhile never comes
-- back to a number it had.
create or replace function memory._note_change(p_namespace text, p_stored bigint default 0)
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.change_counter as c (namespace, slot, changes, stored)
values (p_namespace, pg_backend_pid() % 16,
        (extract(epoch from clock_timestamp()) * 1000000)::bigint, p_stored)
on conflict (namespace, slot) do update
set changes = c.changes + 1, stored = c.stored + excluded.stored
$function$;

comment on function memory._note_change is 'Counts a change of a namespace, for query caches.';
