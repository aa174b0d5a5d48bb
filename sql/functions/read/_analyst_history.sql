-- memory.history for who may not read the tables, with the owner's rights: edits without the content and
-- the metadata there were before, where the policy says so.
create or replace function memory._analyst_history(p_namespace text, p_id uuid, p_now timestamptz)
returns table (at timestamptz, event text, detail jsonb)
language sql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
select h.at, h.event,
    case when c.shown then h.detail else h.detail #- '{before,content}' #- '{before,metadata}' end
from memory.history(p_namespace, p_id, p_now) with ordinality as h (at, event, detail, place)
cross join (select memory._sees_content() as shown) as c
order by h.place
$function$;

comment on function memory._analyst_history is
'What memory.history answers an analyst.';
