-- The id and dimension of the model whose vectors are stored.
create or replace function memory._active_model()
returns table (model_id smallint, dim integer, name text)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select e.id, e.dim, e.name from memory_data.embedding_model as e where e.active
$function$;

comment on function memory._active_model is 'The embedding model in use, no row when there is none.';
