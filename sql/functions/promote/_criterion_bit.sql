-- The bit of a criterion in a verdict (memory_data.usage.verdict: the failing ones). What only needs
-- the usage row and the record's entry are the cheap ones: 2, 4 and 8, together 14.
create or replace function memory._criterion_bit(p_criterion text)
returns smallint
language sql
immutable
parallel safe
as $function$
select (case p_criterion
    when 'ml_score' then 1
    when 'access_count' then 2
    when 'time_span' then 4
    when 'user_rating' then 8
    when 'context_relevance' then 16
    when 'importance' then 32
end)::smallint
$function$;

comment on function memory._criterion_bit is
'The bit that stands for a criterion in memory_data.usage.verdict.';
