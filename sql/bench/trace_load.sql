-- An object's first request stores it, every later one uses it. All of it lies in insights, whose
-- memories live longer than a trace is stretched to.
analyze request;

select memory.make_partitions(d.day, 1000)
from generate_series(
    (select min(r.at) from request as r), (select max(r.at) from request as r),
    interval '7 days') as d (day);

insert into memory_data.insights
    (namespace, id, kind, content, content_hash, search, language, created_at, entered_at,
     expires_at, size)
select 'trace', o.id, 'pattern', '', sha256(o.id::text::bytea), '', 'simple', o.at, o.at,
    o.at + l.ttl, least(o.size, 2147483647)
from (
    select md5(r.object::text)::uuid as id, min(r.at) as at,
        (array_agg(r.size order by r.at))[1] as size
    from request as r
    group by r.object) as o
join memory_data.layer as l on l.name = 'insights';

insert into memory_data.access_event (namespace, id, at, source)
select 'trace', u.id, u.at, 'touch'
from (
    select md5(r.object::text)::uuid as id, r.at,
        row_number() over (partition by r.object order by r.at) as nth
    from request as r) as u
where u.nth > 1;

insert into memory_data.usage (namespace, id, access_count, first_access, last_access)
select e.namespace, e.id, count(distinct date_trunc('minute', e.at)), min(e.at), max(e.at)
from memory_data.access_event as e
group by e.namespace, e.id;

analyze memory_data.insights;
analyze memory_data.access_event;
analyze memory_data.usage;
