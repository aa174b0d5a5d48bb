-- Backups: the service shows them; runs and the mirror are the operator's.
grant select on memory_data.backup, memory_data.restorable_window, memory_data.backup_run to memory_app;
grant select, insert, update, delete on
    memory_data.backup, memory_data.restorable_window, memory_data.backup_run
    to memory_operator;
grant select on memory.backups to memory_operator, memory_analyst;
grant execute on function
    memory.backup_runs, memory.begin_backup_run, memory.bring_back, memory.content_digests, memory.dump_records,
    memory.mirror_backups, memory.note_backup_run
    to memory_operator;
