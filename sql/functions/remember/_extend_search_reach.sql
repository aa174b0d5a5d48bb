-- Lets searches look further ahead when a memory was given a longer life than any before in its
-- layer. Rare, so almost every call finds nothing to do. Owner's rights: policy rows are not the
-- service's to change.
create or replace function memory._extend_search_reach(p_stored jsonb, p_now timestamptz)
returns void
language sql
security definer
set search_path to pg_catalog, pg_temp
as $function$
update memory_data.layer as l
set reach = s.furthest - p_now + l.partition_step
from (
    select r.layer, max(r.expires_at) as furthest
    from jsonb_to_recordset(p_stored) as r (layer text, expires_at timestamptz)
    where isfinite(r.expires_at)
    group by r.layer) as s
where l.name = s.layer and s.furthest > p_now + l.reach
$function$;

comment on function memory._extend_search_reach is
'Widen the reach of layers in which a memory was stored for longer than ever before.';
