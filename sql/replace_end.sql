-- After the files of this folder: drops what was there before and no file replaced, such as an
-- overload of an earlier version. RESTRICT, as in reset.sql.
do $replace$
declare
    v_before text[] := string_to_array(current_setting('magray.replaced'), ' ');
    v_routines text;
    v_views text;
begin
    select string_agg(p.oid::regprocedure::text, ', ') into v_routines
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'memory'::regnamespace and 'p' || p.oid || ':' || p.ctid = any (v_before);
    select string_agg(c.oid::regclass::text, ', ') into v_views
    from pg_catalog.pg_class as c
    join pg_catalog.pg_rewrite as r on r.ev_class = c.oid
    where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v'
        and 'v' || c.oid || ':' || r.ctid = any (v_before);

    -- Functions first: they may return the row type of a view.
    if v_routines is not null then
        execute 'drop routine ' || v_routines || ' restrict';
    end if;
    if v_views is not null then
        execute 'drop view ' || v_views || ' restrict';
    end if;
end;
$replace$;
