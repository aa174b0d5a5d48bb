-- The lexemes of a question that tell memories of a large namespace apart: those at most p_limit of
-- them hold, or else the rarest. A word half of 100,000 memories hold says nothing and costs
-- everything. Counted by the partitions' GIN (namespace, search) index, each up to the limit; with the
-- owner's rights, for `@@` is not leakproof and row security would keep it from the index.
create or replace function memory._rare_lexemes(
    p_namespace text, p_lexemes text[], p_limit integer, p_now timestamptz
)
returns text[]
language plpgsql
stable
security definer
set search_path to pg_catalog, pg_temp
as $function$
declare
    v_lexeme text;
    v_count integer;
    v_rarest text;
    v_lowest integer;
    v_rare text[] := array[]::text[];
begin
    perform memory._require_own_namespace(p_namespace);
    foreach v_lexeme in array p_lexemes loop
        select count(*) into v_count
        from (
            select from memory._memories as m
            where m.namespace = p_namespace
                and m.search @@ memory._lexeme_query(v_lexeme, '')
                and m.expires_at > p_now
            limit p_limit + 1) as c;
        if v_count between 1 and p_limit then
            v_rare := v_rare || v_lexeme;
        end if;
        if v_count > 0 and v_count < coalesce(v_lowest, v_count + 1) then
            v_rarest := v_lexeme;
            v_lowest := v_count;
        end if;
    end loop;
    return case when v_rare = '{}' and v_rarest is not null then array[v_rarest] else v_rare end;
end;
$function$;

comment on function memory._rare_lexemes is
'The lexemes at most p_limit memories of a namespace hold, or else the rarest one.';
