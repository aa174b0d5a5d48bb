-- An object's first request stores it, every later one uses it. All of it lies in insights, whose
-- memories live longer than a trace is stretched to.
analyze request;

select p.partition_name
from generate_series(
    (select min(r.at) from request as r), (select max(r.at) from request as r),
    interval '7 days') as d (day)
cross join lateral memory.make_partitions(d.day, 1000) as p;

create temp table used as -- noqa: RF04
select
    md5(r.object::text)::uuid as id,
    r.at,
    r.size,
    row_number() over (partition by r.object order by r.at) as nth
from request as r;

insert into memory_data.insights
(namespace, id, kind, content, content_hash, search, language, created_at, entered_at, expires_at, size)
select
    'trace' as namespace,
    u.id,
    'pattern' as kind,
    '' as content, -- noqa: RF04
    sha256(u.id::text::bytea) as content_hash,
    '' as search, -- noqa: RF04
    'simple' as language, -- noqa: RF04
    u.at as created_at,
    u.at as entered_at,
    u.at + l.ttl as expires_at,
    least(u.size, 2147483647) as size -- noqa: RF04
from used as u
join memory_data.layer as l on l.name = 'insights'
where u.nth = 1;

insert into memory_data.access_event (namespace, id, at, source)
select
    'trace' as namespace,
    u.id,
    u.at,
    'touch' as source -- noqa: RF04
from used as u
where u.nth > 1;

insert into memory_data.usage (namespace, id, access_count, first_access, last_access)
select
    e.namespace,
    e.id,
    count(distinct date_trunc('minute', e.at)) as access_count,
    min(e.at) as first_access,
    max(e.at) as last_access
from memory_data.access_event as e
group by e.namespace, e.id;

analyze memory_data.insights;
analyze memory_data.access_event;
analyze memory_data.usage;
