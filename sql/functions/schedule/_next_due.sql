-- When a schedule is due next after a moment: five fields of cron, a macro such as @daily, or
-- "N seconds", as pg_cron has them. Null: not a schedule, or never (30 February). In SQL, because the
-- view memory.jobs, the checks and the service must say the same, also where no Python runs; the
-- tests compare it with the library cronsim.
--
-- Where the clock changes it is as pg_cron does it, which looks minute by minute what the clock on the
-- wall shows: what that skips in spring is not due, what it shows twice in autumn is due twice. A local
-- time alone does not say which of the two is meant (`at time zone` takes the later one), so
-- times are reckoned by the offset from UTC before a change and by the one after it, and those the
-- clock does not show are dropped.
create or replace function memory._next_due(p_cron text, p_after timestamptz, p_zone text default 'UTC')
returns timestamptz
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_cron text := lower(btrim(p_cron));
    v_fields text[];
    v_minutes integer[];
    v_hours integer[];
    v_days integer[];
    v_months integer[];
    v_weekdays integer[];
    v_either boolean;
    v_day boolean;
    v_weekday boolean;
    v_after constant timestamp := p_after at time zone 'UTC';
    v_start date;
    v_date date;
    v_offsets interval[];
    v_due timestamp;
begin
    if v_cron ~ '^[1-5]?\d seconds?$' and v_cron !~ '^0+ ' then
        return p_after + split_part(v_cron, ' ', 1)::integer * interval '1 second';
    end if;
    v_fields := regexp_split_to_array(case v_cron
        when '@hourly' then '0 * * * *'
        when '@daily' then '0 0 * * *'
        when '@midnight' then '0 0 * * *'
        when '@weekly' then '0 0 * * 0'
        when '@monthly' then '0 0 1 * *'
        when '@yearly' then '0 0 1 1 *'
        when '@annually' then '0 0 1 1 *'
        else v_cron end, '\s+');
    v_minutes := memory._parse_cron_field(v_fields[1], 0, 59);
    v_hours := memory._parse_cron_field(v_fields[2], 0, 23);
    -- $: the last day of the month
    v_days := case v_fields[3] when '$' then array[0] else memory._parse_cron_field(v_fields[3], 1, 31) end;
    v_months := memory._parse_cron_field(
        v_fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
    v_weekdays := memory._parse_cron_field(v_fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
    if cardinality(v_fields) <> 5 or v_minutes is null or v_hours is null or v_days is null
        or v_months is null or v_weekdays is null or not isfinite(p_after)
    then
        return null;
    end if;
    if 7 = any (v_weekdays) then
        v_weekdays := v_weekdays || 0;
    end if;
    -- Both days named: one of them is enough.
    v_either := left(v_fields[3], 1) <> '*' and left(v_fields[5], 1) <> '*';

    v_start := (p_after at time zone p_zone)::date;
    v_date := v_start;
    -- 29 February on a given weekday comes every 28 years, once in 40.
    while v_date < v_start + 40 * 366 loop
        v_day := extract(day from v_date) = any (v_days)
            or (0 = any (v_days) and extract(day from v_date + 1) = 1);
        v_weekday := extract(dow from v_date) = any (v_weekdays);
        if extract(month from v_date) = any (v_months)
            and (v_day and v_weekday or v_either and (v_day or v_weekday))
        then
            -- a local day lies between these two midnights of UTC, wherever it is
            v_offsets := array(
                select distinct (t.moment at time zone 'UTC') at time zone p_zone - t.moment
                from (values (v_date - interval '1 day'), (v_date + interval '2 days')) as t (moment));
            select min(c.due) into v_due
            from unnest(v_hours) as h (hour)
            cross join unnest(v_minutes) as m (minute)
            cross join unnest(v_offsets) as o (ahead)
            cross join lateral (select v_date + (h.hour * 60 + m.minute) * interval '1 minute' as shown) as w
            cross join lateral (select w.shown - o.ahead as due) as c
            where c.due > v_after
                and (cardinality(v_offsets) = 1 or (c.due at time zone 'UTC') at time zone p_zone = w.shown);
            if v_due is not null then
                return v_due at time zone 'UTC';
            end if;
        end if;
        v_date := v_date + 1;
    end loop;
    return null;
end;
$function$;

comment on function memory._next_due is
'When a cron expression or "N seconds" is due next after a moment; null when it is no schedule.';
