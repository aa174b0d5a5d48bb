-- What exported memories bring of their past fits the tables it goes to: entries are objects with what the
-- table needs, of its types, and lie in no future, for which partitions would be made that nobody drops.
create or replace function memory._check_history(p_records jsonb, p_now timestamptz)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_fault record;
    -- clocks differ
    v_latest constant timestamptz := p_now + interval '1 day';
begin
    with wanted as materialized (
        select t.field, a.attname as name, format_type(a.atttypid, null) as type,
            a.attnotnull and not a.atthasdef as needed
        from (values ('usage', 'usage'), ('revisions', 'revision'), ('events', 'access_event'),
                     ('decisions', 'decision')) as t (field, parent)
        join pg_attribute as a on a.attrelid = to_regclass('memory_data.' || t.parent)
        where a.attnum > 0 and not a.attisdropped and a.attname <> all ('{namespace,id,job_run,members}')
            and (a.atttypid not in ('text'::regtype, 'jsonb'::regtype) or a.attnotnull and not a.atthasdef)
    ),
    entry as (
        select e.place, h.key as field, d.value, d.place as number
        from jsonb_array_elements(p_records) with ordinality as e (item, place)
        cross join lateral jsonb_each(e.item) as h
        cross join lateral jsonb_array_elements(
            case when h.key = 'usage' then jsonb_build_array(h.value)
                 when jsonb_typeof(h.value) = 'array' then h.value else '[]' end) with ordinality as d (value, place)
        where h.key in ('usage', 'revisions', 'events', 'decisions') and h.value <> 'null'
    )
    select n.place, format(case n.field when 'usage' then 'usage' else '%s, entry %s' end, n.field, n.number) as name,
        f.fault, f.detail into v_fault
    from entry as n
    cross join lateral (
        select 'is not object' as fault, format('It is of type %s.', jsonb_typeof(n.value)) as detail
        where jsonb_typeof(n.value) <> 'object'
        union all
        select case when g.given is null then format('%s is missing', w.name)
                    when not g.fits then format('%s is no %s', w.name, w.type)
                    else format('%s is no time of the past', w.name) end,
            format('Given: %s.', coalesce(left(g.given, 100), 'nothing'))
        from wanted as w
        cross join lateral (select n.value ->> w.name as given) as v
        cross join lateral (
            select v.given, w.type in ('text', 'jsonb') or pg_input_is_valid(v.given, w.type) as fits) as g
        where w.field = n.field and jsonb_typeof(n.value) = 'object'
            and case when g.given is null then w.needed
                     when not g.fits then true
                     when w.name = 'at' then not isfinite(g.given::timestamptz) or g.given::timestamptz > v_latest
                     else false end
    ) as f
    order by n.place
    limit 1;
    if found then
        raise exception 'memory %: % %', v_fault.place, v_fault.name, v_fault.fault
            using errcode = 'ML422', detail = v_fault.detail,
                  hint = 'Nothing of the batch was stored; mend memory '
                         || v_fault.place || ' and send it again.';
    end if;
end;
$function$;

comment on function memory._check_history is
'ML422 with the place of the first exported memory whose use, edits or decisions do not fit their tables.';
