-- The files of the archive, under the owner's rights: what analysts may know of it.
create or replace view memory.archives as
select
    a.file, a.tier, a.created_at, a.rows, a.bytes, a.layers, a.namespaces, a.oldest, a.newest,
    case
        when a.fault is not null then a.fault
        when e.erasing > 0 then 'erasing'
        when a.restored = a.rows then 'restored'
        else 'stored'
    end as state,
    a.restored,
    coalesce(e.erasing, 0) as erasing,
    a.verified_at
from memory_data.archive as a
left join (
    select x.archive, count(*) as erasing
    from memory_data.archive_erasure as x
    group by x.archive
) as e on e.archive = a.id
order by a.created_at, a.file;

comment on view memory.archives is
'One row a file of the archive: how many records of which layers, how big, in which state.';
comment on column memory.archives.namespaces is 'How many namespaces have records in it.';
comment on column memory.archives.oldest is 'When its oldest memory was created.';
comment on column memory.archives.state is
'stored, restored (all of it), erasing (holds forgotten bytes still), damaged, missing.';
comment on column memory.archives.restored is 'Records that were brought back since.';
comment on column memory.archives.file is 'Path of the file in the store.';
comment on column memory.archives.tier is 'Where it lies: local, s3, gcs or azure.';
comment on column memory.archives.created_at is 'When it was written first.';
comment on column memory.archives.rows is 'Records in the file.';
comment on column memory.archives.bytes is 'Size of the file.';
comment on column memory.archives.layers is 'The layers its records were in.';
comment on column memory.archives.newest is 'When its newest memory was created.';
comment on column memory.archives.erasing is 'Forgotten records whose bytes it still holds, until it is rewritten.';
comment on column memory.archives.verified_at is
'When it was last read and found whole; null: not since it was written.';
