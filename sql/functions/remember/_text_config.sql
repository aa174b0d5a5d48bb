-- A language's text search configuration; ML422 when PostgreSQL has none of that name.
create or replace function memory._text_config(p_language text)
returns regconfig
language plpgsql
stable
parallel safe
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_config regconfig;
begin
    select c.oid::regconfig into v_config
    from pg_ts_config as c
    where c.cfgname = lower(p_language) and c.cfgnamespace = 'pg_catalog'::regnamespace;
    if not found then
        raise exception 'language "%" is not known', p_language
            using errcode = 'ML422',
                  detail = (select 'Known: ' || string_agg(c.cfgname, ', ' order by c.cfgname)
                            from pg_ts_config as c
                            where c.cfgnamespace = 'pg_catalog'::regnamespace),
                  hint = 'Leave language out, and it is detected.';
    end if;
    return v_config;
end;
$function$;

comment on function memory._text_config is 'The text search configuration of a language by its name.';
