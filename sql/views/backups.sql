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
comment on column memory.backups.id is 'Name of the backup, as restore and verify take it.';
comment on column memory.backups.kind is 'full, incremental, snapshot or compressed.';
comment on column memory.backups.tier is 'local, cloud or cold.';
comment on column memory.backups.chain is 'The full backup it ends at: itself, for one that stands alone.';
comment on column memory.backups.parent is 'The backup it continues; null: none.';
comment on column memory.backups.reason is 'Why it was made.';
comment on column memory.backups.timeline is 'The timeline of the server it was made on.';
comment on column memory.backups.started_at is 'When it began.';
comment on column memory.backups.stopped_at is 'When it was complete: the first instant it restores.';
comment on column memory.backups.took is 'How long it took.';
comment on column memory.backups.bytes is 'Bytes of the files it holds.';
comment on column memory.backups.stored_bytes is 'Bytes it takes, compressed and encrypted.';
comment on column memory.backups.chain_bytes is 'Stored bytes of its whole chain.';
comment on column memory.backups.chain_links is 'Backups in its chain.';
comment on column memory.backups.encrypted is 'Whether it is encrypted.';
comment on column memory.backups.restorable is 'Whether nothing is known against it.';
comment on column memory.backups.fault is 'What is known against it; null: nothing.';
comment on column memory.backups.verified_at is 'When all its bytes were last read and right.';
comment on column memory.backups.proven_at is 'When it was last restored and found right.';
comment on column memory.backups.restorable_until is 'End of that window: the last commit in archived WAL.';
