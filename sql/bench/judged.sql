-- What promote would move now; nothing changes.
select * from memory.promote(p_limit => 100000, p_dry_run => true)
