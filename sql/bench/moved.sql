-- A run as it is scheduled: moves and verdicts are written.
select * from memory.promote()
