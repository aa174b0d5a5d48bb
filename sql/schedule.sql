-- The jobs as rows; a row whose `enabled` or `cron` an operator changed keeps the change.
insert into memory_data.schedule (name, cron, command, description) values
    ('partitions', '*/15 * * * *', 'select * from memory.make_partitions()',
     'Makes the coming partitions of every partitioned table.'),
    ('housekeeping', '17 * * * *', 'select * from memory.purge_expired_keys()',
     'Removes idempotency keys past their hours.'),
    ('promote', '*/5 * * * *', 'select * from memory.promote()',
     'Moves what passes its criteria to the next layer.'),
    ('pressure', '* * * * *', 'select * from memory.relieve_pressure()',
     'Measures pressure and relieves it: budget, compression, archive, eviction.'),
    ('reuse', '* * * * *', 'select * from memory.learn_reuse()',
     'Learns from the uses counted what eviction ranks by.'),
    ('ghosts', '27 * * * *', 'select * from memory.purge_ghosts()',
     'Forgets how records evicted long ago were used.'),
    ('archive', '23 * * * *', 'select * from memory.archive()',
     'Sends memories nobody used for long to the archive, where a layer''s archive_after says so.'),
    ('archive_run', '*/10 * * * *', 'magray archive run',
     'Writes what left its layer to files of the archive, erases what was forgotten from them.')
on conflict (name) do update
set command = excluded.command, description = excluded.description;

-- Commands the service runs as programs, not SQL; off until `magray train --schedule`.
insert into memory_data.schedule (name, cron, command, enabled, description) values
    ('train', '23 3 * * *', 'magray train', false,
     'Trains the relevance anew and scores every memory.'),
    ('score', '41 * * * *', 'magray train --score-only', false,
     'Scores every memory by the model in use.')
on conflict (name) do update
set command = excluded.command, description = excluded.description;
