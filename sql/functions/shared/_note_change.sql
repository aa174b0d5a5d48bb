-- Tells query caches that something in a namespace changed (they compare memory.change_token), and
-- searches where its memories lie: in which layers, between which partition keys. What a search need
-- not open costs it 20 microseconds a partition.
-- Sixteen rows a namespace, so that concurrent writers seldom wait for each other. A new row starts
-- from the clock, in microseconds, so that a namespace whose rows were purged meanwhile never comes
-- back to a number it had.
--
-- p_layers, p_keys: layer and partition key of every memory that was put into a layer, whoever put
-- it there. A memory outside the noted spans is not found: so p_stored without keys means anywhere.
create or replace function memory._note_change(
    p_namespace text, p_stored bigint default 0, p_layers text[] default '{}', p_keys timestamptz[] default '{}'
)
returns void
language sql
set search_path to pg_catalog, pg_temp
as $function$
insert into memory_data.change_counter as c
    (namespace, slot, changes, stored, interact_from, interact_to, insights_from, insights_to,
     assets_from, assets_to)
select p_namespace, pg_backend_pid() % 16, (extract(epoch from clock_timestamp()) * 1000000)::bigint, p_stored,
    min(k.key) filter (where k.layer = 'interact'), max(k.key) filter (where k.layer = 'interact'),
    min(k.key) filter (where k.layer = 'insights'), max(k.key) filter (where k.layer = 'insights'),
    min(k.key) filter (where k.layer = 'assets'), max(k.key) filter (where k.layer = 'assets')
from (
    select n.layer, n.key from unnest(p_layers, p_keys) as n (layer, key)
    union all
    select a.layer, a.key
    from unnest('{interact,insights,assets}'::text[]) as l (layer)
    cross join lateral (values (l.layer, '-infinity'::timestamptz), (l.layer, 'infinity')) as a (layer, key)
    where p_stored > 0 and p_layers = '{}') as k
on conflict (namespace, slot) do update
set changes = c.changes + 1, stored = c.stored + excluded.stored,
    interact_from = least(c.interact_from, excluded.interact_from),
    interact_to = greatest(c.interact_to, excluded.interact_to),
    insights_from = least(c.insights_from, excluded.insights_from),
    insights_to = greatest(c.insights_to, excluded.insights_to),
    assets_from = least(c.assets_from, excluded.assets_from),
    assets_to = greatest(c.assets_to, excluded.assets_to)
$function$;

comment on function memory._note_change is
'Counts a change of a namespace, for query caches, and notes where its memories lie, for searches.';
