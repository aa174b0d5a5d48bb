"""KPIs of a known value: `force` writes what they are computed from."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

from service.core.tally import BOUNDS

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection


def force(db: Connection[Any], now: datetime) -> dict[tuple[str, str], tuple[float, str | None]]:
    """Write the sources of all KPIs but those of `forced_disk`; (kpi, scope) → (value, label)."""
    _reports(db, now)
    _lifecycle(db, now)
    _backup(db, now)
    return {
        # 100 searches: 50 up to 10 ms, 40 up to 20, 9 up to 50, one beyond
        ("search_latency", "p50"): (10.0, None),
        ("search_latency", "p95"): (30 + 20 * (95 - 90) / 9, None),
        ("search_latency", "p99"): (50.0, None),
        ("search_rate", "total"): (100 / 60, None),
        ("cache_hit_rate", "query"): (0.25, None),
        ("cache_hit_rate", "embedding"): (0.8, None),
        ("error_rate", "total"): (3 / 200, None),
        ("errors", "total"): (3.0, None),
        ("fallback_rate", "embedding"): (0.05, None),
        # of 121 minutes since the first report those of the two services, 60 and 1 of them
        ("uptime", "total"): (100 * 61 / 121, None),
        ("recovery_time", "crash"): (3600.0, None),
        ("recovery_time", "restore"): (90.0, None),
        ("promotion_rate", "interact"): (0.3, None),
        ("promotion_rate", "insights"): (0.1, None),
        ("fallback_rate", "scores"): (30 / 120, None),
        ("recall", "total"): (0.95, None),
        ("archive_backlog", "total"): (1.0, None),
        ("restorable_from", "total"): ((now - timedelta(days=3)).timestamp(), None),
        ("restorable_until", "total"): ((now - timedelta(minutes=1)).timestamp(), None),
        ("proof_age", "total"): (86_400.0, None),
        ("job_lateness", "total"): ((now - _due(now)).total_seconds(), "heartbeat"),
    }


def _due(now: datetime) -> datetime:
    """When the heartbeat, which runs every minute, was due."""
    return now.replace(second=0, microsecond=0) - timedelta(minutes=10)


def report(db: Connection[Any], at: datetime, **counts: Any) -> None:
    """A report of a service of its own, of the last minute."""
    row = {
        "instance": uuid.uuid4(),
        "at": at,
        "seconds": 60,
        "requests": 0,
        "errors": 0,
        "searches": 0,
        "degraded": 0,
        "query_hits": 0,
        "query_misses": 0,
        "embedding_hits": 0,
        "embedding_misses": 0,
        "bounds": list(BOUNDS),
        "counts": [0] * len(BOUNDS),
        **counts,
    }
    db.execute(
        sql.SQL("insert into memory_data.service_report ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    )


def _reports(db: Connection[Any], now: datetime) -> None:
    """An hour of reports, a crash, an hour of silence, and one of the last minute."""
    for minute in range(60):
        report(db, now - timedelta(minutes=120 - minute))
    taken = {10.0: 50, 20.0: 40, 50.0: 9, float("inf"): 1}
    report(
        db,
        now,
        requests=200,
        errors=3,
        searches=100,
        degraded=5,
        query_hits=25,
        query_misses=75,
        embedding_hits=8,
        embedding_misses=2,
        counts=[taken.get(bound, 0) for bound in BOUNDS],
    )


def _lifecycle(db: Connection[Any], now: datetime) -> None:
    run = (
        "insert into memory_data.promotion_run (at, layer, candidates, judged, promoted, kept,"
        " fallback) values (%s, %s, 200, %s, %s, 0, %s)"
    )
    db.execute(run, (now - timedelta(hours=1), "interact", 100, 30, 28))
    db.execute(run, (now - timedelta(hours=1), "insights", 20, 2, 2))
    db.execute(run, (now - timedelta(hours=25), "interact", 1000, 1000, 1000))
    db.execute(
        "insert into memory_data.recall_sample (at, found, wanted) values (%s, 9, 10),"
        " (%s, 10, 10)",
        (now, now),
    )
    db.execute(
        "insert into memory_data.archive_deletion (file, requested_at) values ('x', %s)", (now,)
    )
    # every job is due later but one
    db.execute(
        "update memory_data.schedule set enabled = name = 'heartbeat', since = %s",
        (_due(now) - timedelta(seconds=30),),
    )


def _backup(db: Connection[Any], now: datetime) -> None:
    db.execute(
        "insert into memory_data.backup (id, kind, tier, chain, reason, system, timeline,"
        " started_at, stopped_at, start_lsn, stop_lsn, bytes, stored_bytes, encrypted, proven_at)"
        " values ('b', 'full', 'local', 'b', '', 's', 1, %s, %s, '0/1', '0/2', 1, 1, false, %s)",
        (now - timedelta(days=3), now - timedelta(days=3), now - timedelta(days=1)),
    )
    db.execute(
        "insert into memory_data.restorable_window values ('s', 1, %s, %s)",
        (now - timedelta(days=3), now - timedelta(minutes=1)),
    )
    db.execute(
        "insert into memory_data.backup_run (action, state, started_at, finished_at)"
        " values ('drill', 'done', %s, %s)",
        (now - timedelta(seconds=120), now - timedelta(seconds=30)),
    )
