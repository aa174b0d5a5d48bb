-- Remembers what is in schema memory, for drop_old.sql to drop what no file has replaced by then.
do $remember$
begin
    -- A replaced row of the catalogue is a new version of it, in another place.
    perform set_config('magray.replaced', coalesce((
        select string_agg(o.version, ' ')
        from (
            select 'p' || p.oid || ':' || p.ctid as version
            from pg_catalog.pg_proc as p where p.pronamespace = 'memory'::regnamespace
            union all
            select 'v' || c.oid || ':' || r.ctid
            from pg_catalog.pg_class as c
            join pg_catalog.pg_rewrite as r on r.ev_class = c.oid
            where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v') as o), ''), true);
end;
$remember$;
