-- Whether a partition has the index of this suffix, ready for use.
create or replace function memory._has_index(p_partition text, p_suffix text)
returns boolean
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select exists (
    select from pg_index as x
    where x.indexrelid = to_regclass(format('memory_data.%I', p_partition || '_' || p_suffix))
        and x.indisvalid)
$function$;

comment on function memory._has_index is
'Whether a partition has a valid index of this suffix.';
