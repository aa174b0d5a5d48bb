-- The jobs as rows; a row whose `enabled` or `cron` an operator changed (memory.set_job) keeps the
-- change. kind sql: pg_cron or the service runs it, through memory.run_job; kind program: the service
-- runs `magray …` itself; kind backup: the service that keeps backups runs it when the rules of [backup]
-- say that it is due, at the next moment of its schedule.
insert into memory_data.schedule (name, cron, kind, command, description) values
    ('heartbeat', '* * * * *', 'sql', 'select * from memory.reconcile_schedule()',
     'Shows that jobs run, and tells pg_cron what changed in the schedule.'),
    ('partitions', '*/15 * * * *', 'sql', 'select * from memory.make_partitions()',
     'Makes the coming partitions of every partitioned table.'),
    ('expire', '* * * * *', 'sql', 'select * from memory.expire()',
     'Reclaims what has expired; gives pinned memories more time.'),
    ('promote', '*/5 * * * *', 'sql', 'select * from memory.promote()',
     'Moves what passes its criteria to the next layer.'),
    ('pressure', '* * * * *', 'sql', 'select * from memory.relieve_pressure()',
     'Measures pressure and relieves it: budget, compression, archive, eviction.'),
    ('reuse', '* * * * *', 'sql', 'select * from memory.learn_reuse()',
     'Learns from the uses counted what eviction ranks by.'),
    ('ghosts', '27 * * * *', 'sql', 'select * from memory.purge_ghosts()',
     'Forgets how records evicted long ago were used.'),
    ('archive', '*/5 * * * *', 'sql', 'select * from memory.archive()',
     'Sends memories nobody used for long to the archive, where a layer''s archive_after says so.'),
    ('archive_run', '*/10 * * * *', 'program', 'magray archive run',
     'Writes what left its layer to files of the archive, erases what was forgotten from them.'),
    ('housekeeping', '17 * * * *', 'sql', 'select * from memory.purge_expired_keys()',
     'Removes idempotency keys past their hours.'),
    ('traces', '*/5 * * * *', 'sql', 'select * from memory.purge_traces()',
     'Removes use counts, edits and counters of memories that are gone.'),
    ('logs', '23 3 * * *', 'sql', 'select * from memory.purge_logs()',
     'Drops uses, decisions and edits older than their settings.'),
    ('kpis', '* * * * *', 'sql', 'select * from memory.sample_kpis()',
     'Keeps the KPIs of this minute, lets old ones go.'),
    ('recall', '*/10 * * * *', 'sql', 'select * from memory.sample_recall()',
     'Compares some searches with exact ones.'),
    ('alerts', '* * * * *', 'sql', 'select * from memory.check_alerts()',
     'Opens and ends alerts by the KPIs.'),
    ('job_history', '41 3 * * *', 'sql', 'select * from memory.purge_job_runs()',
     'Removes old runs of jobs and of promote, here and in pg_cron.'),
    ('backup_full', '* * * * *', 'backup', 'magray backup full',
     'Backs up everything, full_hours after the last full.'),
    ('backup_compressed', '* * * * *', 'backup', 'magray backup compressed',
     'Backs up everything into the cold archive when memory pressure was high.'),
    ('backup_incremental', '* * * * *', 'backup', 'magray backup incremental',
     'Backs up what changed, after incremental_mb of WAL.'),
    ('backup_verify', '* * * * *', 'backup', 'magray backup verify',
     'Reads backups and archived WAL that were not read for verify_days.'),
    ('backup_drill', '* * * * *', 'backup', 'magray backup drill',
     'Restores the newest chain aside and checks it, drill_days after the last proof.')
on conflict (name) do update
set kind = excluded.kind, command = excluded.command, description = excluded.description;

-- Programs that stay off until somebody switches them on: `magray train --schedule`. Where there is
-- nothing to learn from yet, or no model in use, they have nothing to do, which is no failure.
insert into memory_data.schedule (name, cron, kind, command, enabled, description) values
    ('train', '23 3 * * *', 'program', 'magray train --if-ready', false,
     'Trains the relevance anew and scores every memory.'),
    ('score', '41 * * * *', 'program', 'magray train --score-only --if-ready', false,
     'Scores every memory by the model in use.')
on conflict (name) do update
set kind = excluded.kind, command = excluded.command, description = excluded.description;

-- What bootstrap.sql, run by who may read it, found in pg_cron's configuration.
update memory_data.setting as s set value = to_jsonb(f.found)
from (select nullif(current_setting('magray.cron_timezone', true), '') as found) as f
where s.key = 'cron_timezone' and s.value <> to_jsonb(f.found);
