-- How many records lifecycle.sql makes.
select set_config('bench.records', %(records)s, false)
