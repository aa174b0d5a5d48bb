"""Watching the service: what it counts and reports, the KPIs for Prometheus, messages of alerts."""
