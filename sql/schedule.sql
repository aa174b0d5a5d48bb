-- The jobs as rows; a row whose `enabled` or `cron` an operator changed keeps the change.
insert into memory_data.schedule (name, cron, command, description) values
    ('partitions', '*/15 * * * *', 'select * from memory.make_partitions()',
     'Makes the coming partitions of every partitioned table.'),
    ('housekeeping', '17 * * * *', 'select * from memory.purge_expired_keys()',
     'Removes idempotency keys past their hours.'),
    ('pressure', '* * * * *', 'select * from memory.relieve_pressure()',
     'Measures pressure and relieves it: budget, compression, archive, eviction.')
on conflict (name) do update
set command = excluded.command, description = excluded.description;
