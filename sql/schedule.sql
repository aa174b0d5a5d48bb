-- The jobs as rows; a row whose `enabled` or `cron` an operator changed keeps the change.
insert into memory_data.schedule (name, cron, command, description) values
    ('partitions', '*/15 * * * *', 'select * from memory.make_partitions()',
     'Makes the coming partitions of every partitioned table.'),
    ('housekeeping', '17 * * * *', 'select * from memory.purge_expired_keys()',
     'Removes idempotency keys past their hours.'),
    ('archive', '23 * * * *', 'select * from memory.archive()',
     'Sends memories nobody used for long to the archive, where a layer''s archive_after says so.'),
    ('archive_run', '*/10 * * * *', 'magray archive run',
     'Writes what left its layer to files of the archive, erases what was forgotten from them.')
on conflict (name) do update
set command = excluded.command, description = excluded.description;
