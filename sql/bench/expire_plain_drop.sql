-- Drops what expire_plain made.
drop table memory_data.bench_plain
