-- How many uses are left when each halves with every half-life of its age, as if they were spread
-- evenly between the first and the last: two times and a count instead of every event, so that a
-- million records are scored without reading their events, and any past moment can be computed from
-- what was known then. Uses at regular intervals come out within a tenth of the sum over their
-- events (tests/sql/test_scores.py); a burst long ago with one use now is overrated.
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
    else p_count * coalesce(
        0.5::double precision ^ least(1000, greatest(0,
            extract(epoch from p_now - p_last) / extract(epoch from p_half_life))), 1)
        -- the mean over the time between first and last, as a share of the value at the last
        * case
            when p_last - p_first > p_half_life / 1000 then
                (1 - 0.5::double precision ^ least(1000,
                    extract(epoch from p_last - p_first) / extract(epoch from p_half_life)))
                / (0.693147180559945::double precision
                   * extract(epoch from p_last - p_first)::double precision
                   / extract(epoch from p_half_life)::double precision)
            else 1
        end
end
$function$;

comment on function memory._decayed_uses is
'Uses, each halved with every half-life of its age, from their number and the first and last of them.';
