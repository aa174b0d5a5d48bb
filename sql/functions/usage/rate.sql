-- Rate a memory, 1 (useless) to 5 (just what was needed).
create or replace function memory.rate(
    p_namespace text, p_id uuid, p_rating real, p_session text default null,
    p_now timestamptz default now()
)
returns table (id uuid, rating real, rating_count integer)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
    if p_rating is null or p_rating not between 1 and 5 then
        raise exception 'a rating is a number from 1 to 5'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_rating::text, 'null')),
                  hint = format('select * from memory.rate(%L, %L, 4.5);', p_namespace, p_id);
    end if;
    perform memory._find_memory(p_namespace, p_id, p_now);
    insert into memory_data.access_event (namespace, id, at, session, source, rating)
    values (p_namespace, p_id, p_now, p_session, 'rate', p_rating);
    return query
    insert into memory_data.usage as u (namespace, id, rating_sum, rating_count)
    values (p_namespace, p_id, p_rating, 1)
    on conflict (namespace, id) do update
    set rating_sum = u.rating_sum + excluded.rating_sum, rating_count = u.rating_count + 1
    returning u.id, (u.rating_sum / u.rating_count)::real, u.rating_count;
end;
$function$;

comment on function memory.rate is 'Rate a memory 1 to 5; returns the mean and number of its ratings.';
