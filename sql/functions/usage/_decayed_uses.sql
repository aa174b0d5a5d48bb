-- How many uses are left when each halves with every half-life of its age, as if they came at regular
-- intervals between the first and the last: a number and two times instead of every event, so that a
-- million records are scored without reading their events, and any past moment can be computed from
-- what was known then. Exact for regular uses; a burst long ago with one use now is overrated.
-- A power beyond 1000 half-lives would be an underflow error.
create or replace function memory._decayed_uses(
    p_count integer, p_first timestamptz, p_last timestamptz, p_half_life interval, p_now timestamptz
)
returns double precision
language sql
immutable
parallel safe
as $function$
select case
    when coalesce(p_count, 0) <= 0 then 0::double precision
    else coalesce(
        0.5::double precision ^ least(1000, greatest(0,
            extract(epoch from p_now - p_last) / extract(epoch from p_half_life))), 1)
        -- a geometric sum over the intervals; of intervals too short to tell, the number of uses
        * case
            when p_count > 1 and p_last - p_first > p_half_life * 1e-6 * p_count then
                (1 - 0.5::double precision ^ least(1000,
                    extract(epoch from p_last - p_first) / extract(epoch from p_half_life)
                    * p_count / (p_count - 1)))
                / (1 - 0.5::double precision ^ least(1000,
                    extract(epoch from p_last - p_first) / extract(epoch from p_half_life)
                    / (p_count - 1)))
            else p_count
        end
end
$function$;

comment on function memory._decayed_uses is
'Uses, each halved with every half-life of its age, from their number and the first and last of them.';
