-- Every item of a JSON array of memories is an object with fields that exist, of types that fit: what
-- would otherwise fail as a bare cast error, without the place. p_whole: with the fields of an export too.
-- Nor is there JSON in them that most readers of JSON refuse: it would be stored, and then spoil every
-- list it is in.
create or replace function memory._check_fields(p_memories jsonb, p_whole boolean default false)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_fault record;
    v_levels constant integer := 500;
    v_digits constant integer := 4000;
    v_too_deep constant jsonpath := 'strict $.**{501}'::jsonpath;
begin
    with field (key, type, said, whole) as (
        values
            ('content', 'text', 'text', false), ('kind', 'text', 'text', false),
            ('metadata', 'jsonb', 'object', false), ('session', 'text', 'text', false),
            ('importance', 'real', 'number', false), ('pinned', 'boolean', 'true or false', false),
            ('ttl', 'interval', 'interval', false), ('language', 'text', 'text', false),
            ('created_at', 'timestamptz', 'time', false),
            ('id', 'uuid', 'id', true), ('namespace', 'text', 'text', true),
            ('layer', 'text', 'text', true), ('remembered_as', 'text', 'text', true),
            ('turn', 'integer', 'whole number', true), ('entered_at', 'timestamptz', 'time', true),
            ('expires_at', 'timestamptz', 'time', true), ('bytes', 'integer', 'whole number', true),
            ('usage', 'jsonb', 'object', true), ('revisions', 'jsonb', 'list', true),
            ('events', 'jsonb', 'list', true), ('decisions', 'jsonb', 'list', true),
            ('model', 'text', 'text', true), ('embedding', 'jsonb', 'list', true),
            ('magray', 'integer', 'whole number', true)
    )
    select e.place, f.fault, f.detail into v_fault
    from jsonb_array_elements(p_memories) with ordinality as e (item, place)
    cross join lateral (
        select 'is not an object' as fault, format('It is of type %s.', jsonb_typeof(e.item)) as detail
        where jsonb_typeof(e.item) <> 'object'
        union all
        select case when t.type is null then format('field "%s" is not known', i.key)
                    else format('%s is no %s', i.key, t.said) end,
            case when t.type is null
                 then format('Known: %s.', (select string_agg(k.key, ', ') from field as k where p_whole or not k.whole))
                 else format('Given: %s.', left(i.value, 100)) end
        from jsonb_each_text(case jsonb_typeof(e.item) when 'object' then e.item else '{}' end) as i
        left join field as t on t.key = i.key and (p_whole or not t.whole)
        where t.type is null
            or t.type not in ('text', 'jsonb') and not pg_input_is_valid(i.value, t.type)
        union all
        select format('%s is nested too deep', i.key),
            format('At most %s levels are allowed.', v_levels)
        from jsonb_each(case jsonb_typeof(e.item) when 'object' then e.item else '{}' end) as i
        where jsonb_typeof(i.value) in ('object', 'array') and octet_length(i.value::text) > v_levels
            and jsonb_path_exists(i.value, v_too_deep)
        union all
        select format('%s holds a number that is too long', i.key),
            format('At most %s digits are allowed.', v_digits)
        from jsonb_each(case jsonb_typeof(e.item) when 'object' then e.item else '{}' end) as i
        where jsonb_typeof(i.value) in ('object', 'array') and octet_length(i.value::text) > v_digits
            and exists (
                select
                from jsonb_path_query(i.value, 'strict $.** ? (@.type() == "number")') as n (number)
                where length(n.number::text) > v_digits)
    ) as f
    order by e.place
    limit 1;
    if found then
        raise exception 'memory %: %', v_fault.place, v_fault.fault
            using errcode = 'ML422', detail = v_fault.detail,
                  hint = 'Nothing of the batch was stored; mend memory '
                         || v_fault.place || ' and send it again.';
    end if;
end;
$function$;

comment on function memory._check_fields is
'ML422 with the place of the first item that is no object, or has a field unknown, of another type, or '
'of JSON nobody reads.';
