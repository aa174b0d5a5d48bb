-- How many memories expire when asked two days later, in how many partitions they lay, and how many
-- tables of partitions that were detached before were dropped.
select
    coalesce(sum(e.records), 0)::bigint as records,
    count(distinct e.partition_name) filter (where e.records > 0) as partitions,
    count(*) filter (where e.action = 'free') as freed
from memory.expire(now() + interval '2 days') as e
