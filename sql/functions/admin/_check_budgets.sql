-- Refuses a configuration that gives a layer, or all together, less than they take on disk while nothing
-- is in them: pages of the indexes of their partitions, so a long ttl takes more.
create or replace function memory._check_budgets(p_policy jsonb)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_given constant jsonb := coalesce(p_policy -> 'layers', '{}');
    v_total constant numeric := (p_policy -> 'settings' ->> 'total_max_mb')::numeric;
    v_layer record;
    v_sum bigint := 0;
begin
    for v_layer in
        select l.name, coalesce((v_given -> l.name ->> 'max_bytes')::numeric, l.max_bytes) as budget,
            memory_data.least_budget(
                case when v_given -> l.name ? 'ttl' then (v_given -> l.name ->> 'ttl')::interval else l.ttl end,
                l.partition_step, l.partitions_ahead) as least
        from memory_data.layer as l
        order by l.position
    loop
        v_sum := v_sum + v_layer.least;
        if v_layer.budget < v_layer.least then
            raise exception 'layer % takes more than its budget while it is empty', v_layer.name
                using errcode = 'ML422',
                      detail = format('Its partitions take %s bytes, so max_bytes is at least %s (max_size_mb = %s); '
                                      'given: %s. A shorter ttl takes less.', v_layer.least, v_layer.least,
                                      ceil(v_layer.least / 1048576.0), v_layer.budget),
                      hint = format('Set max_size_mb = %s or more in [memory.layers.%s] of magray.toml, '
                                    'then: magray migrate', ceil(v_layer.least / 1048576.0), v_layer.name);
        end if;
    end loop;
    if v_total * 1048576 < v_sum then
        raise exception 'the layers take more than total_max_mb while they are empty'
            using errcode = 'ML422',
                  detail = format('Their partitions take %s bytes, so total_max_mb is at least %s; given: %s.',
                                  v_sum, ceil(v_sum / 1048576.0), v_total),
                  hint = format('Set total_max_mb = %s or more in [memory.pressure] of magray.toml, '
                                'then: magray migrate', ceil(v_sum / 1048576.0));
    end if;
end;
$function$;

comment on function memory._check_budgets is
'ML422 for a budget below what an empty layer takes, or all of them.';
