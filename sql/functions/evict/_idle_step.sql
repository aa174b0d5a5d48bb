-- A time on the scale eviction learns on: step 0 is less than a second, then every step is 1.41
-- times the one before it, 55 and above beyond four years. (Steps of 2 miss 1 % more on zipf, steps
-- of 1.19 nothing less; a scale of its own for each layer made no difference.)
create or replace function memory._idle_step(p_seconds double precision)
returns smallint
language sql
immutable
parallel safe
as $function$
select (case when p_seconds >= 1 then least(55, 1 + floor(2 * ln(p_seconds) / ln(2::double precision))) else 0 end)::smallint
$function$;

comment on function memory._idle_step is 'A time in seconds as a step 0..55, each 1.41 times longer than the last.';
