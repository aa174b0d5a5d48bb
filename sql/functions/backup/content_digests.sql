-- What each layer holds, as numbers two databases can be compared by: how many memories, and a digest
-- in which their order does not count. Whole rows go in, so that a changed vector shows as well.
-- The sum of 64-bit hashes as numeric: xor would not see a row that is there twice.
create or replace function memory.content_digests()
returns table (layer text, memories bigint, digest text)
language sql
stable
set search_path to pg_catalog, public, pg_temp
as $function$
    select l.name, coalesce(c.memories, 0), coalesce(c.digest, '0')
    from memory_data.layer as l
    left join (
        select 'interact' as layer, count(*) as memories,
            sum(hashtextextended(i::text, 0)::numeric)::text as digest
        from memory_data.interact as i
        union all
        select 'insights', count(*), sum(hashtextextended(i::text, 0)::numeric)::text
        from memory_data.insights as i
        union all
        select 'assets', count(*), sum(hashtextextended(a::text, 0)::numeric)::text
        from memory_data.assets as a
    ) as c on c.layer = l.name
    order by l.position;
$function$;

comment on function memory.content_digests is
'Memories and a digest of each layer: equal in a restored database, or it is not the same.';
