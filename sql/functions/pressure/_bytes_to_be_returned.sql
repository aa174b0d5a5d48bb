-- Bytes that the compressions a relief is about to finish will return to the operating system.
create or replace function memory._bytes_to_be_returned(
    p_layer text, p_level text, p_total_level text, p_now timestamptz
)
returns bigint
language sql
volatile
set search_path to pg_catalog, pg_temp
as $function$
select case when p_level = 'low' and p_total_level = 'low' then 0
            else coalesce((
                select sum(c.bytes_before - c.bytes_after)::bigint
                from memory.compress(p_layer => p_layer, p_now => p_now, p_dry_run => true) as c
                where c.state = 'compressed'), 0)
       end
$function$;

comment on function memory._bytes_to_be_returned is
'Bytes that compressions about to be finished will return.';
