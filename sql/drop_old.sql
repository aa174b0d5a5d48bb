-- Drops what remember.sql found and no file has replaced since, such as an overload of an earlier
-- version; right after remember.sql that is everything. RESTRICT, never CASCADE: an object of somebody
-- else that depends on ours stops the migration with 2BP01 and its name. Views and routines may be made
-- of each other, so whatever can go goes, until nothing is left.
do $drop$
declare
    v_before text[] := string_to_array(current_setting('magray.replaced'), ' ');
    v_drops text[];
    v_left text[];
    v_drop text;
begin
    select array_agg(o.command order by o.command) into v_drops
    from (
        select format('drop routine %s restrict', p.oid::regprocedure) as command
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'memory'::regnamespace and 'p' || p.oid || ':' || p.ctid = any (v_before)
        union all
        select format('drop view %s restrict', c.oid::regclass)
        from pg_catalog.pg_class as c
        join pg_catalog.pg_rewrite as r on r.ev_class = c.oid
        where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v'
            and 'v' || c.oid || ':' || r.ctid = any (v_before)) as o;

    while v_drops <> '{}' loop
        v_left := '{}';
        foreach v_drop in array v_drops loop
            begin
                execute v_drop;
            exception when dependent_objects_still_exist then
                v_left := v_left || v_drop;
            end;
        end loop;
        if cardinality(v_left) = cardinality(v_drops) then
            -- nothing of ours is in the way: says what is
            execute v_left[1];
        end if;
        v_drops := v_left;
    end loop;
end;
$drop$;
