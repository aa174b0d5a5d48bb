-- What a partition takes on disk, part by part.
select
    case
        when p.part = 'heap' then 'heap'
        when p.part = 'toast' then 'TOAST'
        when p.part ~ '_exact$' then 'index of exact search'
        when p.part ~ '_(hnsw|bits)$' then 'HNSW index'
        when p.part ~ '_words$' then 'index of words'
        else 'keys, sessions, listing'
    end as part,
    sum(p.bytes)::bigint as bytes
from (
    select
        'heap' as part,
        pg_table_size(c.oid) - coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) as bytes
    from pg_class as c
    where c.relnamespace = 'memory_data'::regnamespace and c.relname = %(partition)s
    union all
    select 'toast' as part, pg_total_relation_size(c.reltoastrelid) as bytes
    from pg_class as c
    where c.relnamespace = 'memory_data'::regnamespace and c.relname = %(partition)s and c.reltoastrelid <> 0
    union all
    select k.relname::text as part, pg_total_relation_size(i.indexrelid) as bytes
    from pg_class as c
    join pg_index as i on i.indrelid = c.oid
    join pg_class as k on k.oid = i.indexrelid
    where c.relnamespace = 'memory_data'::regnamespace and c.relname = %(partition)s
) as p
group by 1
order by 1
