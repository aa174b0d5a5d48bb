-- One row a backup, newest first, with the chain it belongs to and what is proved of it.
create or replace view memory.backups as
select
    b.id, b.kind, b.tier, b.chain, b.parent, b.reason, b.timeline, b.started_at, b.stopped_at,
    b.stopped_at - b.started_at as took,
    b.bytes, b.stored_bytes,
    (sum(b.stored_bytes) over (partition by b.chain))::bigint as chain_bytes,
    count(*) over (partition by b.chain) as chain_links,
    b.encrypted,
    b.fault is null as restorable,
    b.fault, b.verified_at, b.proven_at,
    w.since as restorable_since,
    w.until as restorable_until,
    max(b.proven_at) over () as proven_until
from memory_data.backup as b
left join lateral (
    select r.since, r.until
    from memory_data.restorable_window as r
    where r.system = b.system and r.timeline = b.timeline
        and b.stopped_at between r.since and r.until
    order by r.since
    limit 1
) as w on b.fault is null
order by b.stopped_at desc;

comment on view memory.backups is
'One row a backup: kind, tier, chain, size, what can be restored with it, when it was proved.';
comment on column memory.backups.restorable_since is 'Begin of the window of instants it lies in.';
comment on column memory.backups.proven_until is 'When a chain was last restored and found right.';
