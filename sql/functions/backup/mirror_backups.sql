-- Makes the tables say what the catalogue beside the backups says: p_backups and p_windows are all of
-- it. Returns the backups that are new or changed.
create or replace function memory.mirror_backups(p_backups jsonb, p_windows jsonb default '[]')
returns table (id text, change text)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    -- two runs that end at the same moment replace it one after the other
    perform pg_advisory_xact_lock(hashtextextended('magray backup mirror', 0));
    delete from memory_data.restorable_window;
    insert into memory_data.restorable_window (system, timeline, since, until)
    select w.system, w.timeline, w.since, w.until
    from jsonb_to_recordset(p_windows)
        as w (system text, timeline integer, since timestamptz, until timestamptz);
    return query
    with said as materialized (
        select * from jsonb_populate_recordset(null::memory_data.backup, p_backups)
    ),
    gone as (
        delete from memory_data.backup as b
        where not exists (select from said as s where s.id = b.id)
        returning b.id
    ),
    written as (
        insert into memory_data.backup as b
        select s.* from said as s
        on conflict (id) do update
        set tier = excluded.tier, fault = excluded.fault, verified_at = excluded.verified_at,
            proven_at = excluded.proven_at
        where (b.tier, b.fault, b.verified_at, b.proven_at)
            is distinct from (excluded.tier, excluded.fault, excluded.verified_at, excluded.proven_at)
        returning b.id
    )
    select g.id, 'gone' from gone as g
    union all
    select w.id, 'written' from written as w;
end;
$function$;

comment on function memory.mirror_backups is
'Make the tables of backups and restorable windows say what the catalogue says; returns changes.';
