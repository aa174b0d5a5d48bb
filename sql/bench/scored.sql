-- How many records the first run scored.
select coalesce(sum(r.scored), 0)::bigint
from (select p.scored from memory_data.promotion_run as p order by p.id limit 2) as r
