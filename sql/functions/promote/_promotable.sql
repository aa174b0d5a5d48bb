-- Records that may have something to gain from being judged: used often enough for one of a layer's
-- routes, or judged before. Only usage is read: a record never used has no row there and cannot pass
-- "access count > 3".
--
-- All of usage, and no cursor over what was used since the last run: a record also passes because a
-- threshold, a rating, a model or its questions changed, and would then be missed. The scan is the
-- cheap part: of 1,000,000 rows it takes 0.14 s of CPU, against 30 us or more for each record judged.
create or replace function memory._promotable(p_layer text, p_namespace text)
returns table (namespace text, id uuid)
language sql
stable
set search_path to pg_catalog, pg_temp
as $function$
select u.namespace, u.id
from memory_data.usage as u
where (u.verdict is not null
       or u.access_count > (
           select coalesce(min(r.threshold), -1)
           from memory._promotion_rules(p_layer) as r where r.criterion = 'access_count'))
    and (p_namespace is null or u.namespace = p_namespace)
-- the records of a namespace together, so that its context is worked out once; "C", for a locale's
-- order of 100,000 names takes 2.5 s
order by u.namespace collate "C"
$function$;

comment on function memory._promotable is
'Records used often enough, or judged before: those that promote looks at.';
