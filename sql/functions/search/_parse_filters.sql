-- Checks layers, kinds and the filter object of a search or listing; anything unknown is named.
create or replace function memory._parse_filters(p_layers text[], p_kinds text[], p_filters jsonb)
returns memory._filter
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_unknown text;
    v_filter memory._filter;
begin
    v_filter.layers := p_layers;
    v_filter.kinds := p_kinds;
    v_filter.narrows := p_kinds is not null;
    select u.layer into v_unknown from unnest(p_layers) as u (layer)
    where u.layer not in (select l.name from memory_data.layer as l) or u.layer is null limit 1;
    if found then
        raise exception 'layer "%" does not exist', v_unknown
            using errcode = 'ML422', detail = 'Layers: interact, insights, assets.',
                  hint = 'select layer from memory.layers;';
    end if;
    select u.kind into v_unknown from unnest(p_kinds) as u (kind)
    where u.kind not in (select k.name from memory_data.kind as k) or u.kind is null limit 1;
    if found then
        raise exception 'kind "%" is not known', v_unknown
            using errcode = 'ML422',
                  detail = (select 'Known: ' || string_agg(k.name, ', ' order by k.name)
                            from memory_data.kind as k),
                  hint = 'Leave kinds out to search all of them.';
    end if;
    if p_filters is null or p_filters = '{}' then
        return v_filter;
    end if;
    if jsonb_typeof(p_filters) <> 'object' then
        raise exception 'filters is not an object'
            using errcode = 'ML422', detail = format('It is of type %s.', jsonb_typeof(p_filters)),
                  hint = 'Example: {"session": "s1", "metadata": {"speaker": "Ann"}}';
    end if;
    select f.key into v_unknown from jsonb_object_keys(p_filters) as f (key)
    where f.key not in ('session', 'metadata', 'created_after', 'created_before', 'language') limit 1;
    if found then
        raise exception 'filter "%" is not known', v_unknown
            using errcode = 'ML422',
                  detail = 'Known: session, metadata, created_after, created_before, language.',
                  hint = 'To filter by a field of metadata: {"metadata": {"field": "value"}}';
    end if;
    begin
        v_filter := jsonb_populate_record(v_filter, p_filters);
    exception when invalid_datetime_format or datetime_field_overflow then
        raise exception 'created_after or created_before is not a time'
            using errcode = 'ML422', detail = sqlerrm || '.',
                  hint = 'Example: {"created_after": "2026-01-31T12:00:00Z"}';
    end;
    v_filter.narrows := num_nonnulls(v_filter.kinds, v_filter.session, v_filter.metadata,
                                     v_filter.created_after, v_filter.created_before) > 0;
    return v_filter;
end;
$function$;

comment on function memory._parse_filters is
'A filter from its parts; ML422 names whatever is unknown.';
