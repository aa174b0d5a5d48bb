-- A namespace is a name of 1 to 200 characters.
create or replace function memory._check_namespace(p_namespace text)
returns void
language plpgsql
stable
set search_path to pg_catalog, pg_temp
as $function$
begin
    if p_namespace is null or length(p_namespace) not between 1 and 200 then
        raise exception 'a namespace has 1 to 200 characters'
            using errcode = 'ML422',
                  detail = format('Given: %s characters.', coalesce(length(p_namespace), 0)),
                  hint = 'Name the user, agent or project whose memory it is.';
    end if;
end;
$function$;

comment on function memory._check_namespace is 'ML422 unless the namespace is usable.';
