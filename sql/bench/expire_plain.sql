-- A plain table that occupies as many bytes as layer interact with its indexes: what dropping it costs is
-- what the file system takes to have that space back. Unlogged, so that no WAL of it is counted.
-- noqa: disable=AM09
create unlogged table memory_data.bench_plain with (autovacuum_enabled = false) as
select m.*
from memory_data.interact as m
cross join generate_series(1, 1000) as copies (copy)
limit (
    select sum(c.reltuples * pg_total_relation_size(c.oid) / pg_table_size(c.oid))::bigint
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = 'memory_data.interact'::regclass and c.reltuples > 0
)
