-- Transactions that use a table or one of its partitions and go on doing so: those seen now that are
-- still there after 80 to 140 ms, looked for again every 8 to 14. Waiting for one of them would only
-- make new readers queue; a reader that is gone in a moment costs a moment.
-- Looks at pg_locks, because the start of others' transactions is shown to the privileged only.
create or replace function memory._transactions_using(p_parent text)
returns text[]
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_parent constant regclass := format('memory_data.%I', p_parent)::regclass;
    v_now text[];
    v_seen text[];
begin
    for v_look in 0..10 loop
        if v_look > 0 then
            -- some jitter, so that two of us never go on meeting
            perform pg_sleep(0.008 + 0.006 * random());
        end if;
        v_now := array(
            select distinct l.virtualtransaction || ' pid ' || coalesce(l.pid, 0)
            from pg_locks as l
            where l.locktype = 'relation' and l.granted and l.pid is distinct from pg_backend_pid()
                and l.database = (select d.oid from pg_database as d where d.datname = current_database())
                and (l.relation = v_parent
                     or l.relation in (select i.inhrelid from pg_inherits as i where i.inhparent = v_parent)));
        v_seen := case when v_look = 0 then v_now
                       else array(select unnest(v_seen) intersect select unnest(v_now)) end;
        exit when v_seen = '{}';
    end loop;
    return v_seen;
end;
$function$;

comment on function memory._transactions_using is
'Transactions that go on using a table or its partitions; empty when it can be had at once.';
