-- The archive: what moves between it and the layers, and its files, are the operator's; forgetting and
-- finding by the service reach it too.
grant select, insert, update, delete on
    memory_data.archive_outbox, memory_data.archived, memory_data.archive_erasure
    to memory_app, memory_operator;
grant select, insert, update, delete on memory_data.archive, memory_data.archive_deletion to memory_operator;
grant select on memory.archives to memory_operator, memory_analyst;
grant execute on function memory._lock_archived to memory_app, memory_operator;
grant execute on function
    memory.announce_file, memory.archive, memory.archive_backlog, memory.archive_batch, memory.archive_files,
    memory.archive_work, memory.count_memories, memory.drop_copies, memory.find_archived, memory.lock_archive,
    memory.note_archive_check, memory.note_deletion, memory.register_archive, memory.replace_archive,
    memory.restore_archived, memory.restore_outbox, memory.settle_archive,
    memory._hand_to_archive, memory._put_records_back, memory._restore_from_archive, memory._unused_records
    to memory_operator;
