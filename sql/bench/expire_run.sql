-- How many memories expire when asked two days later, and in how many partitions they lay.
select
    coalesce(sum(e.records), 0)::bigint as records,
    count(distinct e.partition_name) filter (where e.records > 0) as partitions
from memory.expire(now() + interval '2 days') as e
