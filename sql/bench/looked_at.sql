-- How many records were looked at by the first run, in both layers.
select coalesce(sum(p.candidates), 0)::bigint
from (
    select r.candidates from memory_data.promotion_run as r
    order by r.id
    limit 2
) as p
