-- Keeps a trained model: the artifact, what it takes, and what it was worth on the later split. It
-- answers for nothing until memory.activate_model.
create or replace function memory.store_model(
    p_name text, p_algorithm text, p_layer text, p_horizon interval, p_rows integer,
    p_features text[], p_combination jsonb, p_artifact bytea, p_metrics jsonb, p_importances jsonb,
    p_now timestamptz default now()
)
returns table (id integer, name text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    perform memory._check_training(p_horizon, p_layer);
    return query
    insert into memory_data.model as m
        (name, algorithm, layer, horizon, trained_at, rows, features, combination, artifact, metrics,
         importances)
    values (p_name, p_algorithm, p_layer, p_horizon, p_now, p_rows, p_features, p_combination,
            p_artifact, p_metrics, p_importances)
    returning m.id, m.name;
exception
    when unique_violation then
        raise exception 'there is a model "%" already', p_name
            using errcode = 'ML409', detail = 'Names of models are unique.',
                  hint = 'select * from memory.models;';
end;
$function$;

comment on function memory.store_model is 'Keep a trained model with its metrics; it is not active yet.';
