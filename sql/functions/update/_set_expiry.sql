-- Gives records of a layer another end, and with it perhaps another partition. Deleted and stored anew
-- instead of updated: who waits for a row that an update moves to another partition fails with 40001;
-- who waits for one that is gone looks again. Everything a record is comes along, columns of later
-- revisions too. p_pinned: only those that are pinned.
create or replace function memory._set_expiry(
    p_layer text, p_namespaces text[], p_ids uuid[], p_expires_at timestamptz, p_pinned boolean default false
)
returns table (namespace text, id uuid, expires_at timestamptz)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_columns text;
begin
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
    from pg_attribute as a
    where a.attrelid = format('memory_data.%I', p_layer)::regclass
        and a.attnum > 0 and not a.attisdropped and a.attname <> 'expires_at';
    return query execute format(
        'with gone as ('
        '    delete from memory_data.%1$I as m using unnest($1, $2) as k (namespace, id) '
        '    where m.namespace = k.namespace and m.id = k.id and (m.pinned or not $4) returning m.*), '
        'stored as ('
        '    insert into memory_data.%1$I (%2$s, expires_at) select %2$s, $3 from gone '
        '    returning namespace, id, expires_at) '
        'select s.namespace, s.id, s.expires_at from stored as s', p_layer, v_columns)
    using p_namespaces, p_ids, p_expires_at, p_pinned;
end;
$function$;

comment on function memory._set_expiry is
'Let records of a layer expire at another time, in the partition of that time; returns them.';
