-- Who would go to free a tenth of a layer; nothing changes.
select * from memory.evict('insights', (
    select coalesce(sum(i.size), 0) / 10 from memory_data.insights as i)::bigint,
    p_limit => 2147483647, p_dry_run => true)
