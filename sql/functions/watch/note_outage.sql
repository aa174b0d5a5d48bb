-- Keep that the database could not be reached for a while. Every service tells what it saw, once the
-- database is back: what overlaps is one outage, with the cause and the words of who was first to tell
-- more than nothing. Outages older than `alert_days` are dropped. p_ended is the service's clock, for
-- the outage was over before anybody could tell; p_now only decides what is old.
create or replace function memory.note_outage(
    p_began timestamptz, p_ended timestamptz, p_cause text, p_detail text default '',
    p_restarted boolean default false, p_now timestamptz default now()
)
returns setof memory_data.outage
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
begin
    -- services tell at the same moment
    perform pg_advisory_xact_lock(hashtextextended('memory.note_outage', 0));
    delete from memory_data.outage as o
    where o.ended_at < p_now - memory._setting('alert_days')::integer * interval '1 day';
    return query
    update memory_data.outage as o
    set began_at = least(o.began_at, p_began), ended_at = greatest(o.ended_at, p_ended),
        restarted = o.restarted or p_restarted,
        detail = case when o.detail = '' then left(p_detail, 2000) else o.detail end
    where o.id = (
        select l.id from memory_data.outage as l
        where l.began_at <= p_ended and l.ended_at >= p_began
        order by l.began_at desc
        limit 1)
    returning o.*;
    if not found then
        return query
        insert into memory_data.outage as o (began_at, ended_at, cause, detail, restarted)
        values (p_began, greatest(p_began, p_ended), left(p_cause, 200), left(p_detail, 2000), p_restarted)
        returning o.*;
    end if;
end;
$function$;

comment on function memory.note_outage is
'Keep that the database could not be reached for a while, and why; overlapping ones are one.';
