-- The four parts of a record's promotion score and their sum, each 0..1, at p_now.
--
-- recency: 0.5 ^ (time since last use / half-life of the layer); entry into the layer counts as use.
-- frequency: uses, each halved per half-life of its age, saturating: n / (n + 3).
-- importance: 0.4 the caller's hint, 0.2 the kind's weight, 0.3 the mean rating (the hint when nobody
-- rated), 0.1 frequency. relevance: without a trained model the mean of recency and frequency.
-- score: 0.4 relevance + 0.2 of each other part, the fixed weighting.
create or replace function memory._score(p_memory memory._memories, p_now timestamptz)
returns table (
    relevance double precision, recency double precision, frequency double precision,
    importance double precision, score double precision, model text
)
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_usage memory_data.usage;
    v_half_life double precision;
    v_weight double precision;
    v_uses double precision;
begin
    select extract(epoch from l.half_life) into v_half_life
    from memory_data.layer as l where l.name = p_memory.layer;
    select k.weight into v_weight from memory_data.kind as k where k.name = p_memory.kind;
    select * into v_usage from memory_data.usage as u
    where u.namespace = p_memory.namespace and u.id = p_memory.id;
    -- a power beyond 1000 half-lives would be an underflow error
    select coalesce(sum(0.5 ^ least(1000, extract(epoch from p_now - a.at)::double precision / v_half_life)), 0)
    into v_uses
    from memory_data.access_event as a
    where a.namespace = p_memory.namespace and a.id = p_memory.id and a.at <= p_now
        and a.source <> 'rate';

    recency := 0.5 ^ least(1000, greatest(0, extract(epoch from
        p_now - greatest(v_usage.last_access, p_memory.entered_at))::double precision) / v_half_life);
    frequency := v_uses / (v_uses + 3);
    importance := 0.4 * p_memory.importance + 0.2 * v_weight + 0.1 * frequency
        + 0.3 * coalesce((v_usage.rating_sum / nullif(v_usage.rating_count, 0) - 1) / 4, p_memory.importance);
    relevance := (recency + frequency) / 2;
    score := 0.4 * relevance + 0.2 * recency + 0.2 * frequency + 0.2 * importance;
    model := 'fixed weighting';
    return next;
end;
$function$;

comment on function memory._score is 'The parts of a record''s promotion score and the score itself.';
