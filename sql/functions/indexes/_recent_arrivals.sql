-- How many memories entered a partition in the last ten minutes, about: those in the last 256 pages of its
-- heap, where new rows go unless others left room. A partition no memory of its layer's own ttl can enter
-- may still be written to by those who give a ttl.
create or replace function memory._recent_arrivals(p_partition text, p_heap_bytes bigint, p_now timestamptz)
returns bigint
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_pages constant bigint := p_heap_bytes / current_setting('block_size')::integer;
    v_count bigint;
begin
    execute format('select count(*) from memory_data.%I as m where m.ctid >= $1 and m.entered_at > $2', p_partition)
    into v_count
    using format('(%s,0)', greatest(v_pages - 256, 0))::tid, p_now - interval '10 minutes';
    return v_count;
end;
$function$;

comment on function memory._recent_arrivals is
'About how many memories entered a partition in the last ten minutes.';
