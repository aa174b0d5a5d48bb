-- Whether this version evicts.
select to_regproc('memory.evict') is not null
