-- Nothing is allowed by default: takes back from everybody but the owner what is on the functions and
-- tables. What each role may do after that is named in functions/<subject>/grants.sql; a table stands in
-- the subject it belongs to, however many read it.
revoke all on all routines in schema memory from public;
revoke all on schema memory, memory_data from public, memory_app, memory_analyst, memory_operator;

do $grants$
declare
    v_table regclass;
begin
    -- Only where there is something: partitions are many and have no privileges of their own.
    for v_table in
        select distinct h.oid::regclass
        from (
            select c.oid, c.relacl as acl from pg_catalog.pg_class as c
            where c.relnamespace = 'memory_data'::regnamespace and c.relkind in ('r', 'p')
            union all
            select a.attrelid, a.attacl
            from pg_catalog.pg_attribute as a
            join pg_catalog.pg_class as c on c.oid = a.attrelid
            where c.relnamespace = 'memory_data'::regnamespace) as h
        cross join lateral pg_catalog.aclexplode(h.acl) as e
        where e.grantee in (0, 'memory_app'::regrole, 'memory_analyst'::regrole, 'memory_operator'::regrole)
    loop
        execute format('revoke all on table %s from public, memory_app, memory_analyst, memory_operator', v_table);
    end loop;
end;
$grants$;

grant usage on schema memory to memory_app, memory_analyst, memory_operator;
grant usage on schema memory_data to memory_app, memory_operator;
