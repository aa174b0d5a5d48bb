-- Reclaims what has expired (reads leave it out from the very moment): partitions whose upper bound is
-- past are dropped, and in a layer that is not partitioned by expiry (assets) records with a ttl of
-- their own are deleted. p_limit: at most so many partitions, and so many records deleted one by one;
-- of one layer 8 partitions, for they are detached under one lock: 50 ms.
--
-- A partition is detached from its layer, and the next run, a minute later, drops its table (free).
-- Dropped at once, this call lasted until the file system had freed all, 0.6 s for 650 MB where it
-- discards blocks: 1.6 to 1.9 s instead of 0.8 to 0.9 for 1,000,000 records.
--
-- Every record stays answerable: one decision a namespace about what is dropped at once, with the count,
-- the first and last id and three bytes of each (memory.history looks there); one decision a record
-- deleted. They are written before the table is locked. (Deleting an eighth of 40,000 records and the
-- VACUUM after it took 54.7 s and 207 MB of WAL; `magray bench expire` prints what this takes.)
--
-- A record that is forgotten in the instant between count and lock counts in both decisions. Uses,
-- ratings and edits of what went are left to memory.purge_traces. With the owner's rights, for a
-- partition is dropped by its parent's owner.
create or replace function memory.expire(
    p_now timestamptz default now(), p_limit integer default 1000, p_dry_run boolean default false
)
returns table (
    layer text, partition_name text, namespace text, records bigint, from_id uuid, to_id uuid, action text
)
language plpgsql
security definer
set search_path to pg_catalog, pg_temp
set timezone to 'UTC'
as $function$
#variable_conflict use_column
declare
    v_layer memory_data.layer;
    v_due text[];
    v_gone text[];
    v_holders text[];
    v_found record;
begin
    if not memory._lock_job('memory.expire') then
        return;
    end if;
    return query
    select null::text, d.name, null::text, 0::bigint, null::uuid, null::uuid, 'free'
    from memory._drop_detached_partitions(least(p_limit, 8), p_dry_run) as d (name);
    return query
    select r.layer, null::text, r.namespace, 1::bigint, r.id, r.id, 'renew'
    from memory.renew_pinned(p_now, p_limit, p_dry_run) as r;
    return query select d.* from memory._delete_expired(p_now, p_limit, p_dry_run) as d;

    for v_layer in
        select l.* from memory_data.layer as l where l.partition_key = 'expires_at' order by l.position
    loop
        v_due := array(select p.name from memory._partitions_of_table(v_layer.name) as p
                       where p.ends <= p_now order by p.ends limit least(p_limit, 8));
        continue when v_due = '{}';
        v_holders := '{}';
        if not p_dry_run then
            -- pg_cron starts the jobs of a minute at once: those that look at the layer get two seconds
            for v_look in 1..6 loop
                v_holders := memory._transactions_using(v_layer.name);
                exit when v_holders = '{}';
                perform pg_sleep(0.3);
            end loop;
        end if;
        if v_holders <> '{}' then
            raise notice '% is in use, its expired partitions are dropped later', v_layer.name;
            continue;
        end if;

        select array_agg(u.name) as partitions, array_agg(s.namespace) as namespaces,
            array_agg(s.records) as records, array_agg(s.from_id) as from_ids,
            array_agg(s.to_id) as to_ids, array_agg(s.members) as members
        into v_found
        from unnest(v_due) as u (name)
        cross join lateral memory._summarise_partition(u.name, p_dry_run) as s;
        v_gone := v_due;
        if not p_dry_run then
            perform memory._write_expiry_decisions(
                v_layer.name, v_due, p_now, v_found.partitions, v_found.namespaces, v_found.records,
                v_found.from_ids, v_found.to_ids, v_found.members);
            v_gone := array(select d.name from memory._detach_partitions(v_layer.name, v_due) as d (name));
            if v_gone <> v_due then
                delete from memory_data.decision as d
                where d.at = p_now and d.action = 'expire' and d.detail -> 'partitions' ?| v_due;
                perform memory._write_expiry_decisions(
                    v_layer.name, v_gone, p_now, v_found.partitions, v_found.namespaces, v_found.records,
                    v_found.from_ids, v_found.to_ids, v_found.members);
            end if;
        end if;
        return query
        select v_layer.name, g.name, f.namespace, coalesce(f.records, 0), f.from_id, f.to_id, 'drop'
        from unnest(v_gone) as g (name)
        left join unnest(v_found.partitions, v_found.namespaces, v_found.records, v_found.from_ids,
                         v_found.to_ids)
            as f (name, namespace, records, from_id, to_id) on f.name = g.name;
    end loop;
end;
$function$;

comment on function memory.expire is
'Detach partitions whose time is past, drop what the last run detached, and delete single records '
'whose time is past; returns what went, and which pinned memories were given more time. p_dry_run '
'changes nothing.';
