-- Whether a log partitioned by day or month can take a row of this moment: past its retention the
-- partition is gone.
create or replace function memory._has_partition(p_parent text, p_at timestamptz)
returns boolean
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select to_regclass(format('memory_data.%I', p_parent || '_' || memory._partition_suffix(p_parent, p_at))) is not null
$function$;

comment on function memory._has_partition is
'Whether access_event, revision or decision has a partition for a moment.';
