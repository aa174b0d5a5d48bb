-- A stored model with its artifact, the active one when none is named; no row when there is none.
create or replace function memory.find_model(p_model integer default null)
returns table (
    id integer, name text, algorithm text, layer text, horizon interval, features text[], artifact bytea
)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select m.id, m.name, m.algorithm, m.layer, m.horizon, m.features, m.artifact
from memory_data.model as m
where case when p_model is null then m.active else m.id = p_model end
$function$;

comment on function memory.find_model is 'A stored model with its artifact; the active one by default.';
