-- Transactions that use a table or one of its partitions and go on doing so: those seen now that are
-- still there a moment later. Waiting for one of them would only make new readers queue.
-- Two looks at pg_locks, because the start of others' transactions is shown to the privileged only.
-- p_seen: look for these again; null: look twice.
create or replace function memory._holders(p_parent text, p_seen text[] default null)
returns text[]
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_parent constant regclass := format('memory_data.%I', p_parent)::regclass;
    v_now text[];
begin
    v_now := array(
        select distinct l.virtualtransaction || ' pid ' || coalesce(l.pid, 0)
        from pg_locks as l
        where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_backend_pid()
            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
            and (l.relation = v_parent
                 or l.relation in (select i.inhrelid from pg_inherits as i where i.inhparent = v_parent)));
    if p_seen is not null then
        return array(select unnest(p_seen) intersect select unnest(v_now));
    end if;
    if v_now <> '{}' then
        -- some jitter, so that two of us never go on meeting
        perform pg_sleep(0.05 + 0.1 * random());
        v_now := memory._holders(p_parent, v_now);
    end if;
    return v_now;
end;
$function$;

comment on function memory._holders is
'Transactions that go on using a table or its partitions; empty when it can be had at once.';
