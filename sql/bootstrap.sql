-- Runs first at EVERY `magray migrate`, in its transaction: roles, extensions, schemas.
-- Each statement is skipped when its object is there, so a database prepared by an administrator
-- (extensions installed, roles made) needs no superuser here.
-- One migration at a time; a second one waits here and then finds nothing to do.
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('magray migrate', 0));

do $bootstrap$
declare
    v_role text;
    v_extension text;
begin
    -- owner: owns everything, nobody logs in as it. app: the service, row level security applies.
    -- analyst: views only. operator: lifecycle and backups.
    foreach v_role in array array['memory_owner', 'memory_app', 'memory_analyst', 'memory_operator']
    loop
        if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls',
                               v_role);
            exception
                -- Roles are of the whole server: another database may be migrated at this moment.
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;

    foreach v_extension in array array['vector', 'btree_gin', 'pg_prewarm', 'pgstattuple', 'amcheck']
    loop
        if not exists (select from pg_catalog.pg_extension where extname = v_extension) then
            execute format('create extension %I with schema public', v_extension);
        end if;
    end loop;

    -- How much of a table is free: granted to pg_stat_scan_tables only, which shows more than it needs.
    -- Without it memory.measure_pressure estimates, and says so.
    if not has_function_privilege('memory_owner', 'public.pgstattuple_approx(regclass)', 'execute')
       and pg_catalog.pg_has_role(current_user, (
           select p.proowner from pg_catalog.pg_proc as p
           where p.oid = 'public.pgstattuple_approx(regclass)'::regprocedure), 'usage')
    then
        grant execute on function public.pgstattuple_approx(regclass) to memory_owner;
    end if;

    -- How long WAL waits to be archived: names and times of the files that say so. Without it
    -- wal_archive_failing counts from what was archived last.
    if not has_function_privilege('memory_operator', 'pg_catalog.pg_ls_archive_statusdir()', 'execute')
       and (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
    then
        grant execute on function pg_catalog.pg_ls_archive_statusdir() to memory_operator;
    end if;

    -- pg_cron lives in the one database the server's configuration names, and its settings are shown to
    -- the privileged only: the time zone of its schedules goes into a setting of ours (schedule.sql).
    if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
        if current_setting('cron.database_name', true) = current_database()
            and not exists (select from pg_catalog.pg_extension where extname = 'pg_cron')
        then
            create extension pg_cron;
        end if;
        perform set_config('magray.cron_timezone', coalesce(current_setting('cron.timezone', true), 'UTC'), true);
        -- A job runs as who scheduled it, in a session that must be allowed to begin: without a
        -- password nobody can log in over a network as memory_operator.
        if exists (select from pg_catalog.pg_extension where extname = 'pg_cron') then
            if not (select rolcanlogin from pg_catalog.pg_roles where rolname = 'memory_operator') then
                alter role memory_operator login;
            end if;
            grant usage on schema cron to memory_operator;
        end if;
        -- A job gives up and comes again: nobody waits behind it for long.
        if not exists (select from pg_catalog.pg_db_role_setting
                       where setrole = 'memory_operator'::regrole and setdatabase = 0) then
            begin
                alter role memory_operator set lock_timeout = '200ms';
                alter role memory_operator set statement_timeout = '5min';
            exception when unique_violation or internal_error then
                null; -- another database is migrated at this moment
            end;
        end if;
    end if;

    if not exists (select from pg_catalog.pg_namespace where nspname = 'memory_data') then
        create schema memory_data authorization memory_owner;
    end if;
    if not exists (select from pg_catalog.pg_namespace where nspname = 'memory') then
        create schema memory authorization memory_owner;
    end if;

    -- The migrating login acts as the owner from here on; a superuser may do so without a grant.
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
       and not pg_catalog.pg_has_role(current_user, 'memory_owner', 'set') then
        execute format('grant memory_owner to %I', current_user);
    end if;
end;
$bootstrap$;

revoke create on schema public from public;

-- Loads the library, which makes hnsw.* known settings: functions that set them are created below.
select '[1]'::public.vector;
