-- Who may do what. Runs last, after every privilege was taken back, so all are given anew. Default:
-- nobody may run a function.
revoke all on all routines in schema memory from public;
revoke all on schema memory_data from public;
grant usage on schema memory to memory_app, memory_analyst, memory_operator;
grant usage on schema memory_data to memory_app, memory_operator;

-- The service: rows of the namespace set for its transaction, by row level security.
grant select, insert, update, delete on
    memory_data.interact, memory_data.insights, memory_data.assets, memory_data.usage,
    memory_data.access_event, memory_data.revision, memory_data.decision,
    memory_data.change_counter, memory_data.idempotency, memory_data.embedding_failure
    to memory_app, memory_operator;
grant select on
    memory_data.layer, memory_data.kind, memory_data.promotion_rule, memory_data.route,
    memory_data.setting, memory_data.search_basis, memory_data.schedule, memory_data.embedding_model,
    memory_data.code_state, memory_data.job_run
    to memory_app, memory_operator;
grant select on memory._memories to memory_app, memory_operator;
grant execute on all routines in schema memory to memory_operator, memory_app;

-- Keys and policy are the operator's, through the functions.
grant select, insert, update on memory_data.api_key to memory_operator;
grant update on memory_data.layer, memory_data.setting, memory_data.promotion_rule
    to memory_operator;

-- Backups: the service shows them; runs and the mirror are the operator's.
grant select on memory_data.backup, memory_data.restorable_window, memory_data.backup_run
    to memory_app, memory_operator;
grant insert, update, delete on
    memory_data.backup, memory_data.restorable_window, memory_data.backup_run
    to memory_operator;

-- What changes the installation itself is not for the service's requests.
revoke execute on function
    memory.apply_policy, memory.store_code_digest,
    memory.create_key, memory.revoke_key, memory.list_keys, memory.make_partitions
    from memory_app;
revoke execute on function memory.store_code_digest from memory_operator;
-- Nor is what spans namespaces: the worker acts as memory_operator.
revoke execute on function
    memory.pending_embeddings, memory.write_embeddings, memory.note_embedding_failure,
    memory.touch_many, memory._next_pending, memory._pending_of,
    memory.retry_embeddings, memory.note_provider,
    memory._check_embeddings
    from memory_app;
grant select, insert, update on memory_data.provider_state to memory_operator;
revoke execute on function
    memory.content_digests, memory.mirror_backups, memory.begin_backup_run,
    memory.note_backup_run, memory.backup_runs, memory.dump_records, memory.bring_back
    from memory_app;
-- An import writes ids, times and history as a file says, and makes partitions: the owner's alone.
revoke execute on function memory.import_records, memory._put_whole, memory._make_room
    from memory_app, memory_operator;

-- Jobs: what they keep of themselves; their commands are the owner's.
grant insert, update, delete on memory_data.job_run to memory_operator;
grant update (cron, enabled, since) on memory_data.schedule to memory_operator;
grant select, insert, update on memory_data.sweep to memory_operator;
revoke execute on function
    memory.expire, memory.renew_pinned, memory.purge_logs, memory.purge_traces, memory.purge_job_runs,
    memory.run_lifecycle, memory.run_job, memory.begin_job, memory.finish_job, memory.due_jobs,
    memory.job_runner, memory.set_job, memory.allow_jobs, memory.reconcile_schedule
    from memory_app;

-- Training.
grant select, insert, update, delete on memory_data.score to memory_app, memory_operator;
grant select on memory_data.model to memory_app, memory_operator;
grant insert, update on memory_data.model to memory_operator;
revoke execute on function
    memory.training_rows, memory.scoring_rows, memory.write_scores, memory.store_model,
    memory.activate_model, memory.find_model, memory.lock_training, memory.schedule_training
    from memory_app;

-- Promotion.
grant select, insert, update, delete on memory_data.recent_query to memory_app, memory_operator;
grant select, insert, delete on memory_data.promotion_run to memory_operator;
revoke execute on function memory.promote, memory.blocking_criteria from memory_app;

-- Eviction; what it learns are counts without a namespace.
grant select, insert, update, delete on memory_data.ghost to memory_app, memory_operator;
grant select, insert, update on memory_data.reuse to memory_app;
grant select, insert, update, delete on memory_data.reuse, memory_data.reuse_curve to memory_operator;
grant select on memory._tracked to memory_app, memory_operator;
revoke execute on function memory.evict, memory.learn_reuse, memory.purge_ghosts from memory_app;

-- Pressure and compression; a relief makes the next measurement look again.
grant select on memory_data.compression, memory_data.pressure to memory_app, memory_operator;
grant select, delete on memory_data.partition_size to memory_operator;
revoke execute on function
    memory.measure_pressure, memory.relieve_pressure, memory.compress, memory.decompress,
    memory._layer_usage, memory._eviction_need, memory._return_empty
    from memory_app;

-- Archive: what moves between it and the layers, and its files.
grant select, insert, update, delete on
    memory_data.archive_outbox, memory_data.archived, memory_data.archive_erasure
    to memory_app, memory_operator;
grant select, insert, update, delete on memory_data.archive, memory_data.archive_deletion
    to memory_operator;
revoke execute on function
    memory._hand_to_archive, memory._unused, memory.archive, memory.archive_batch, memory.register_archive,
    memory.restore_outbox, memory.restore_archived, memory._restore, memory._put_back,
    memory.find_archived, memory.archive_work, memory.replace_archive, memory.archive_files,
    memory.note_deletion, memory.note_archive_check, memory.drop_copies, memory.lock_archive,
    memory.archive_backlog, memory.count_memories, memory.announce_file, memory.settle_archive
    from memory_app;

-- KPIs and alerts: over all namespaces, so the operator's.
grant select, insert, update, delete on
    memory_data.service_report, memory_data.recall_sample, memory_data.kpi_sample, memory_data.alert,
    memory_data.notification, memory_data.outage
    to memory_operator;
grant select, update on memory_data.alert_rule to memory_operator;
grant select on memory_data.promotion_run to memory_operator;
grant select on memory.kpi_catalogue, memory.jobs, memory.backups to memory_operator;
revoke execute on function
    memory.kpis, memory.report_service, memory.sample_kpis, memory.sample_recall, memory.check_alerts,
    memory.due_notifications, memory.note_notification, memory.lock_notifications,
    memory.acknowledge_alert, memory.silence_alert, memory.check_health, memory.layer_levels, memory.flow,
    memory._kpis_of_memory, memory._kpis_of_service, memory._kpis_of_lifecycle, memory._kpis_of_backup,
    memory._unarchived_since, memory._tell_alert, memory._check_gap,
    memory._kpis_of_blocking, memory.note_outage,
    memory._analyst_search, memory._analyst_explain, memory._analyst_history, memory._analyst_kpis
    from memory_app;

-- Analysts: views, and what explains what is in them; nothing that changes anything.
grant select on memory.kpi_catalogue, memory.kpi_history, memory.alerts to memory_analyst, memory_operator;
grant select on memory.outages to memory_analyst, memory_operator;
grant select on memory.records, memory.layers to memory_analyst, memory_operator;
grant select on memory.models to memory_analyst, memory_operator;
grant select on memory.unembedded, memory.shortened to memory_analyst, memory_operator;
grant select on memory.decisions, memory.promotions to memory_analyst, memory_operator;
grant select on memory.evictions to memory_analyst, memory_operator;
grant select on memory.archives to memory_analyst, memory_operator;
grant select on memory.jobs to memory_analyst, memory_operator;
-- What a view computes from a row alone.
grant execute on function
    memory._due, memory._latest_start, memory._next_due, memory._cron_field, memory._is_cron_day
    to memory_analyst;
-- How full the layers are, without the right to measure.
grant execute on function memory._layer_usage to memory_analyst;
grant execute on function
    memory.search, memory.explain, memory.history, memory.kpis, memory.blocking_criteria,
    memory._analyst_search, memory._analyst_explain, memory._analyst_history, memory._analyst_kpis,
    memory._sees_content
    to memory_analyst;
grant select on memory.backups to memory_analyst, memory_operator;
