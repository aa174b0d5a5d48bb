-- A live memory by id, or ML404. Every partition has a key that starts with namespace and id, so
-- this is one index probe a partition. An absent id among 100,000 rows, the round trip of 0.08 ms
-- included: this key 0.084 ms (4.0 MB), BRIN bloom 0.175 (1.6 MB; 0.35 at 32 pages a range, 0.9 MB),
-- contrib bloom over hashtext(id) 0.433 (1.6 MB), no index 42.
create or replace function memory._find_memory(p_namespace text, p_id uuid, p_now timestamptz)
returns setof memory._memories
language plpgsql
stable
rows 1
set search_path to pg_catalog, pg_temp
as $function$
begin
    return query
    select m.* from memory._memories as m
    where m.namespace = p_namespace and m.id = p_id and m.expires_at > p_now;
    if not found then
        raise exception 'memory % does not exist', p_id
            using errcode = 'ML404',
                  detail = format('Namespace "%s" holds no live memory of this id.', p_namespace),
                  hint = format('select * from memory.history(%L, %L);', p_namespace, p_id);
    end if;
end;
$function$;

comment on function memory._find_memory is 'A live memory by its id, ML404 when there is none.';
