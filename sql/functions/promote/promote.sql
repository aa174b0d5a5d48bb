-- Moves records that pass all criteria of their step, of one layer or of all, at most p_limit a call,
-- and keeps a decision for each; a record that stays gets one when the set of criteria it fails has
-- changed. p_dry_run tells who would move and changes nothing.
--
-- Judging comes first and holds no lock: usage is read, the few records used often enough are judged
-- in pages of 2,000 (memory._judge_records). Then records are locked, layer by layer, moved
-- (memory._move_to_next_layer), and usage rows settled: layers before usage and keys in order, as every writer
-- does. What others did to a record meanwhile wins: one forgotten or of another kind stays out, an
-- edit moves along, a use or a rating is counted wherever the record is by then.
create or replace function memory.promote(
    p_layer text default null,
    p_limit integer default 1000,
    p_now timestamptz default now(),
    p_dry_run boolean default false,
    p_namespace text default null
)
returns table (
    namespace text, id uuid, layer text, to_layer text, kind text, to_kind text, route text,
    score double precision, criteria jsonb
)
language plpgsql
set search_path to pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    v_layer text;
    v_passed jsonb := jsonb '[]';
    v_kept jsonb := jsonb '[]';
    v_run jsonb;
begin
    if p_limit is null or p_limit not between 1 and 100000 then
        raise exception 'limit is outside 1..100000'
            using errcode = 'ML422', detail = format('Given: %s.', coalesce(p_limit::text, 'null')),
                  hint = 'select * from memory.promote(p_limit => 1000);';
    end if;
    if p_layer is not null and not exists (
        select from memory_data.layer as l where l.name = p_layer and l.next_layer is not null) then
        raise exception 'nothing is promoted out of layer "%"', p_layer
            using errcode = 'ML422',
                  detail = (select 'Layers with a next one: ' || string_agg(l.name, ', ' order by l.position)
                            from memory_data.layer as l where l.next_layer is not null),
                  hint = 'select * from memory.promote();';
    end if;
    if not p_dry_run and not pg_try_advisory_xact_lock(hashtextextended('memory.promote', 0)) then
        raise notice 'promote is already running';
        return;
    end if;

    for v_layer in
        select l.name from memory_data.layer as l
        where l.next_layer is not null and (p_layer is null or l.name = p_layer)
        order by l.position
    loop
        v_run := memory._judge_layer(
            v_layer, p_namespace, p_now, p_limit - jsonb_array_length(v_passed), not p_dry_run);
        v_passed := v_passed || (v_run -> 'passed');
        v_kept := v_kept || (v_run -> 'kept');
        continue when p_dry_run;
        insert into memory_data.promotion_run
            (at, layer, job_run, candidates, judged, promoted, kept, fallback)
        values (
            p_now, v_layer, memory._job_run(), (v_run ->> 'candidates')::bigint, (v_run ->> 'judged')::bigint,
            jsonb_array_length(v_run -> 'passed'), jsonb_array_length(v_run -> 'kept'),
            (v_run ->> 'fallback')::bigint);
    end loop;

    if p_dry_run then
        return query
        select j.namespace, j.id, j.layer, j.to_layer, j.kind, j.to_kind, j.route, j.score, j.criteria
        from jsonb_to_recordset(v_passed) as j (
            layer text, namespace text, id uuid, kind text, route text, to_layer text, to_kind text,
            score double precision, criteria jsonb);
        return;
    end if;
    return query
    select p.namespace, p.id, p.layer, p.to_layer, p.kind, p.to_kind, p.route, p.score, p.criteria
    from memory._carry_out_verdicts(v_passed, v_kept, p_now) as p;
end;
$function$;

comment on function memory.promote is
'Move records that pass every criterion of their step to the next layer; returns those that moved.';
