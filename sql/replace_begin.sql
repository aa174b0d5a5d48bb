-- Before the files of this folder replace what is in schema memory, object by object: takes back every
-- privilege, which a replacement would keep.
do $replace$
declare
    v_object record;
begin
    -- Dependents first: a caller locks a view before those it is made of, and would otherwise
    -- deadlock with this migration.
    for v_object in
        with recursive view as (
            select c.oid, 0 as depth
            from pg_catalog.pg_class as c
            where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v'
            union all
            select d.refobjid, v.depth + 1
            from view as v
            join pg_catalog.pg_rewrite as r on r.ev_class = v.oid
            join pg_catalog.pg_depend as d
                on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
            join pg_catalog.pg_class as c
                on c.oid = d.refobjid and c.relkind = 'v' and c.relnamespace = 'memory'::regnamespace)
        select v.oid, max(v.depth) as depth from view as v group by v.oid
        -- row types last: a session opens the view of one when it first uses it
        order by not exists (
                select from pg_catalog.pg_rewrite as r
                join pg_catalog.pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                    and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
                where r.ev_class = v.oid), 2, 1
    loop
        execute format('alter view %s owner to memory_owner', v_object.oid::regclass);
    end loop;

    for v_object in
        select distinct case c.relkind when 'v' then 'table' end as kind, c.oid::regclass::text as name,
            case a.grantee when 0 then 'public' else quote_ident(a.grantee::regrole::text) end as grantee
        from pg_catalog.pg_class as c
        cross join lateral pg_catalog.aclexplode(c.relacl) as a
        where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v' and a.grantee <> c.relowner
        union all
        select distinct 'routine', p.oid::regprocedure::text,
            case a.grantee when 0 then 'public' else quote_ident(a.grantee::regrole::text) end
        from pg_catalog.pg_proc as p
        cross join lateral pg_catalog.aclexplode(p.proacl) as a
        where p.pronamespace = 'memory'::regnamespace and a.grantee <> p.proowner
    loop
        execute format('revoke all on %s %s from %s', v_object.kind, v_object.name, v_object.grantee);
    end loop;
end;
$replace$;
