-- JSON merge patch, RFC 7396: what the patch names is replaced or added, null removes it, objects are
-- merged key by key; anything else, lists too, replaces what was there.
create or replace function memory._merge_patch(p_target jsonb, p_patch jsonb)
returns jsonb
language plpgsql
immutable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    return (
        select coalesce(jsonb_object_agg(n.key, n.value), '{}')
        from (
            select t.key, t.value
            from jsonb_each(case when jsonb_typeof(p_target) = 'object' then p_target else '{}' end) as t
            where not p_patch ? t.key
            union all
            select p.key,
                -- an object that is new has nulls to lose as well
                case when jsonb_typeof(p.value) = 'object'
                     then memory._merge_patch(p_target -> p.key, p.value) else p.value end
            from jsonb_each(p_patch) as p
            where jsonb_typeof(p.value) <> 'null') as n);
end;
$function$;

comment on function memory._merge_patch is 'A JSON value with a merge patch (RFC 7396) applied to it.';
