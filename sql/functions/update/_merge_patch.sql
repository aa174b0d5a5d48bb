-- JSON merge patch, RFC 7396: what the patch names is replaced or added, null removes it, objects are
-- merged key by key; anything else, lists too, replaces what was there. The two are joined, for looking
-- a key up in the target for each of the patch reads the target as often as there are keys.
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
        select coalesce(jsonb_object_agg(
            coalesce(p.key, t.key),
            case when p.key is null then t.value
                 -- an object that is new has nulls to lose as well
                 when jsonb_typeof(p.value) = 'object' then memory._merge_patch(t.value, p.value)
                 else p.value end), '{}')
        from jsonb_each(case when jsonb_typeof(p_target) = 'object' then p_target else '{}' end) as t
        full join jsonb_each(p_patch) as p on p.key = t.key
        where p.key is null or jsonb_typeof(p.value) <> 'null');
end;
$function$;

comment on function memory._merge_patch is 'A JSON value with a merge patch (RFC 7396) applied to it.';
