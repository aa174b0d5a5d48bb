-- Moves what is left and stores every verdict.
select * from memory.promote(p_limit => 100000)
