-- Locks the records that are to go, lowest worth first, until their bytes suffice. A row that
-- somebody edits, moves or deletes at this moment is passed over without waiting (so the order of
-- the locks can cause no deadlock), and so is one that was pinned since it was ranked. A
-- cursor reads at most 50 rows ahead: no more than these are locked for nothing.
create or replace function memory._choose_evicted(
    p_layer text, p_bytes bigint, p_now timestamptz, p_limit integer
)
returns table (
    namespace text, id uuid, content_hash bytea, kind text, size integer,
    importance double precision, recency double precision, worth double precision, uses integer,
    gap real, last_use timestamptz
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_freed bigint := 0;
begin
    if p_bytes = 0 then
        return;
    end if;
    for namespace, id, content_hash, kind, size, importance, recency, worth, uses, gap, last_use in
        execute format(
            'select c.namespace, c.id, m.content_hash, c.kind, c.size, c.importance, c.recency, '
            '    c.worth, c.uses, c.gap, c.last_use '
            'from memory._least_worth($1, $2, $3) as c '
            'join memory_data.%I as m on m.namespace = c.namespace and m.id = c.id '
            'where not m.pinned '
            'order by c.worth, c.namespace, c.id '
            'for update of m skip locked', p_layer)
        using p_layer, p_now, p_limit
    loop
        return next;
        v_freed := v_freed + size;
        exit when v_freed >= p_bytes;
    end loop;
end;
$function$;

comment on function memory._choose_evicted is
'Lock the records of the lowest worth until their bytes suffice, passing over locked ones.';
