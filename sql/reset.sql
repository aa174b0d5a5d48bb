-- Empties schema memory before it is rebuilt from this folder, in the same transaction.
-- RESTRICT, never CASCADE: an object of somebody else that depends on ours stops the migration
-- with 2BP01 and its name.
do $reset$
declare
    v_views text;
    v_routines text;
begin
    select string_agg(c.oid::regclass::text, ', ') into v_views
    from pg_catalog.pg_class c
    where c.relnamespace = 'memory'::regnamespace and c.relkind = 'v';

    select string_agg(p.oid::regprocedure::text, ', ') into v_routines
    from pg_catalog.pg_proc p
    where p.pronamespace = 'memory'::regnamespace;

    -- Functions first: they may return the row type of a view.
    if v_routines is not null then
        execute 'drop routine ' || v_routines || ' restrict';
    end if;
    if v_views is not null then
        execute 'drop view ' || v_views || ' restrict';
    end if;
end;
$reset$;
