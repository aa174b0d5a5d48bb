-- The archive's part of a relief: a row a record, and one for the layer (summary). What a record took
-- on disk is taken as the layer's live bytes by its rows, by those of the last vacuum after the counters
-- were lost in a crash.
create or replace function memory._relieve_by_archive(
    p_layer text, p_live bigint, p_now timestamptz, p_limit integer, p_dry_run boolean
)
returns table (target text, bytes_before bigint, bytes_after bigint, detail jsonb, summary boolean)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_row record;
    v_records bigint := 0;
    v_each constant bigint := p_live / greatest(
        (select coalesce(nullif(sum(p.live_rows), 0), sum(p.rows), 0)
         from memory._layer_partitions(p_now, p_layer) as p where not p.past), 1);
begin
    for v_row in
        select a.namespace, a.id, to_jsonb(a) - 'namespace' - 'id' as facts
        from memory.archive(p_layer, p_now, p_limit, p_dry_run) as a
    loop
        v_records := v_records + 1;
        target := v_row.namespace || '/' || v_row.id;
        bytes_before := v_each;
        bytes_after := 0;
        detail := v_row.facts;
        summary := false;
        return next;
    end loop;
    if v_records > 0 then
        perform memory._forget_partition_sizes(p_layer, p_dry_run);
        target := p_layer;
        bytes_before := p_live;
        bytes_after := greatest(p_live - v_records * v_each, 0);
        detail := jsonb_build_object('records', v_records, 'returned_bytes', 0,
                                     'reusable_bytes', bytes_before - bytes_after);
        summary := true;
        return next;
    end if;
end;
$function$;

comment on function memory._relieve_by_archive is
'Archive what is old in a layer under pressure; rows for the answer of relieve_pressure.';
