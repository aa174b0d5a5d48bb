-- What the layers take on disk, and which partitions are compressed.

create table memory_data.pressure (
    -- a layer, or 'total'
    layer text primary key,
    level text not null check (level in ('low', 'medium', 'high')),
    since timestamptz not null,
    measured_at timestamptz not null,
    -- last measured high: a compressed backup follows
    high_at timestamptz
);
comment on table memory_data.pressure is
'The pressure level of each layer and of all together, and since when.';

create table memory_data.partition_size (
    name text primary key,
    layer text not null,
    -- how the free and dead bytes were found
    method text not null check (method in ('pgstattuple_approx', 'estimate')),
    scanned_at timestamptz not null,
    -- what the partition was at that moment; where this is unchanged it is not read again
    heap_bytes bigint not null,
    filenode oid not null,
    changes bigint not null,
    dead_rows bigint not null,
    vacuums bigint not null,
    -- share of heap and of TOAST that holds nothing a row needs: free, or dead and soon free
    heap_free double precision not null check (heap_free between 0 and 1),
    toast_free double precision not null check (toast_free between 0 and 1)
);
comment on table memory_data.partition_size is
'What the last look into a partition found free; where nothing changed it is not read again.';

create table memory_data.compression (
    partition_name text primary key,
    layer text not null,
    -- building: its small index is not there yet; decompressing: its large ones are not
    state text not null check (state in ('building', 'compressed', 'decompressing')),
    since timestamptz not null,
    bytes_before bigint not null,
    bytes_after bigint
);
comment on table memory_data.compression is
'Partitions that are compressed or on the way there or back.';
