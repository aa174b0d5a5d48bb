-- Delete memories of a whole namespace, archived ones too, a bounded batch a call, until it returns
-- nothing; what was asked there and what is remembered of the use of evicted ones goes with the first.
create or replace function memory.forget_namespace(
    p_namespace text, p_dry_run boolean default false, p_limit integer default 1000,
    p_now timestamptz default now()
)
returns table (id uuid, layer text, kind text)
language sql
set search_path to pg_catalog, pg_temp
as $function$
with asked as (
    delete from memory_data.recent_query as q where q.namespace = p_namespace and not p_dry_run
),
ghosts as (
    delete from memory_data.ghost as g where g.namespace = p_namespace and not p_dry_run
)
select f.id, f.layer, f.kind
from memory.forget(
    p_namespace,
    (select array_agg(b.id) from (
        select m.id from memory._memories as m where m.namespace = p_namespace
        union all
        select o.id from memory_data.archive_outbox as o where o.namespace = p_namespace
        union all
        select i.id from memory_data.archived as i where i.namespace = p_namespace
        limit p_limit) as b),
    p_dry_run,
    p_now) as f
$function$;

comment on function memory.forget_namespace is
'Delete up to p_limit memories of a namespace; call until nothing comes back.';
