-- KPIs and alerts: over all namespaces, so the operator's; analysts ask for KPIs.
grant select, insert, update, delete on
    memory_data.service_report, memory_data.recall_sample, memory_data.kpi_sample, memory_data.alert,
    memory_data.notification, memory_data.outage
    to memory_operator;
grant select, update on memory_data.alert_rule to memory_operator;
grant select on
    memory.kpi_catalogue, memory.kpi_history, memory.alerts, memory.outages
    to memory_operator, memory_analyst;
grant execute on function memory._latency_quantile to memory_app, memory_operator;
grant execute on function
    memory.acknowledge_alert, memory.check_alerts, memory.check_health, memory.due_notifications, memory.flow,
    memory.kpis, memory.layer_levels, memory.lock_notifications, memory.note_notification, memory.note_outage,
    memory.report_service, memory.sample_kpis, memory.sample_recall, memory.silence_alert,
    memory._alerts_stale_after, memory._analyst_kpis, memory._kpis_of_backup, memory._kpis_of_lifecycle,
    memory._kpis_of_memory, memory._kpis_of_service, memory._notify_of_alert, memory._wal_waiting_since
    to memory_operator;
grant execute on function memory.kpis, memory._analyst_kpis to memory_analyst;
