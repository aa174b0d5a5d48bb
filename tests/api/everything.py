"""A store that has something of everything a route may tell of, in every state it can be in."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from tests.sql.archiving import LAYERS, hand, keep, register
from tests.sql.backup.test_mirror_backups import WINDOW, backup
from tests.sql.calls import call, make_model, one, rows, session, value
from tests.sql.filling import cold, fill
from tests.watch.forced import force

if TYPE_CHECKING:
    from psycopg import Connection

NAMESPACE = "everything"
ALERTS = ("pending", "open", "acknowledged", "resolved")


def store_everything(url: str) -> dict[str, list[Any]]:
    """Fill the database; values of each parameter by its name, one for every state."""
    now = datetime.now(UTC)
    with session(url) as db:
        call(db, "allow_jobs", allowed=False)
        found = _memories(db, now)
        force(db, now)
        for minutes in range(3):
            call(db, "sample_kpis", now=now - timedelta(minutes=minutes))
        make_model(db, "former")
        make_model(db, "active", active=True)
        _jobs(db)
        _keys(db)
        return {
            "namespace": [NAMESPACE],
            "memory_id": found,
            "id": found,
            "alert_id": _alerts(db, now),
            "backup_id": _backups(db),
            "run_id": _runs(db),
            "kpi": [row["kpi"] for row in rows(db, "select kpi from memory.kpi_catalogue")],
            "layer": list(LAYERS),
            "kind": list(LAYERS.values()),
            "action": [
                row["action"]
                for row in rows(db, "select distinct action from memory_data.decision")
            ],
            "rule": [value(db, "select min(name) from memory_data.alert_rule")],
            "session": ["s"],
            "since": [(now - timedelta(days=400)).isoformat()],
        }


def _memories(db: Connection[Any], now: datetime) -> list[str]:
    """Memories of all layers that were used, rated, edited, and what became of some of them."""
    at = {"namespace": NAMESPACE}
    days_ago = now - timedelta(days=3)
    call(db, "make_partitions", now=days_ago)
    ids: list[Any] = [
        one(db, "remember", **at, content="over long ago", ttl=timedelta(hours=1), now=days_ago)[
            "id"
        ]
    ]
    for _ in range(3):  # takes the partition out, drops it, finds nothing more
        call(db, "expire", now=now)
    for layer in LAYERS:
        stays, outbox, filed, back, gone, evicted = made = [
            keep(db, f"{layer} {state}", now, layer=layer, **at)
            for state in ("stays", "outbox", "filed", "back", "gone", "evicted")
        ]
        hand(db, [filed], now, layer=layer, **at)
        register(db, now)
        hand(db, [outbox, back], now, layer=layer, **at)
        call(db, "restore_outbox", **at, ids=[back])
        call(db, "forget", **at, ids=[gone])
        call(db, "_delete_records", layer=layer, **at, ids=[evicted])
        db.execute(
            "insert into memory_data.decision (namespace, id, at, action, layer, kind, score)"
            " values (%s, %s, %s, 'evict', %s, %s, .1)",
            (NAMESPACE, evicted, now, layer, LAYERS[layer]),
        )
        pinned = one(
            db, "remember", **at, content=f"pinned {layer}", kind=LAYERS[layer], pinned=True
        )
        ids += [*made, pinned["id"]]
        assert stays in ids
    ids.append(
        one(
            db,
            "remember",
            **at,
            content="over",
            ttl=timedelta(seconds=1),
            now=now - timedelta(minutes=5),
        )["id"]
    )
    ids.append(_promoted(db, now))
    # a partition that nobody writes to any more by then, and small enough to be done at once
    fill(db, "insights", 3, namespace="cold")
    call(db, "compress", layer="insights", now=cold())
    return [str(memory) for memory in ids]


def _promoted(db: Connection[Any], now: datetime) -> Any:
    """A memory that was kept once, and then had passed everything."""
    call(db, "make_partitions", now=now - timedelta(hours=20))
    made = one(
        db,
        "remember",
        namespace=NAMESPACE,
        content="a way that works",
        session="s",
        kind="session_data",
        now=now - timedelta(hours=20),
    )
    db.execute(
        "insert into memory_data.usage (namespace, id, access_count, first_access, last_access,"
        " rating_sum, rating_count, context_relevance) values (%s, %s, 50, %s, %s, 2, 2, 1)",
        (NAMESPACE, made["id"], now - timedelta(hours=20), now),
    )
    call(db, "promote", namespace=NAMESPACE, now=now)
    db.execute("update memory_data.usage set rating_sum = 10 where id = %s", (made["id"],))
    db.execute(
        "update memory_data.promotion_rule set threshold = 0 where criterion <> 'user_rating'"
    )
    call(db, "promote", namespace=NAMESPACE, now=now)
    return made["id"]


def _jobs(db: Connection[Any]) -> None:
    """Runs that ended well, badly, and one that goes on."""
    call(db, "run_job", name="heartbeat")
    insert = (
        "insert into memory_data.job_run (job, runner, started_at, finished_at, sqlstate, error)"
    )
    db.execute(f"{insert} values ('expire', 'service', now(), now(), '55P03', 'locked')".encode())
    db.execute(f"{insert} values ('promote', 'service', now(), null, null, null)".encode())


def _keys(db: Connection[Any]) -> None:
    for name, expires in (("over", timedelta(days=-1)), ("valid", timedelta(days=1))):
        call(
            db,
            "create_key",
            name=name,
            prefix=f"magray_{name}",
            digest=secrets.token_bytes(32),
            namespaces=[NAMESPACE, "b"],
            scopes=["read"],
            expires_at=datetime.now(UTC) + expires,
        )
    call(db, "revoke_key", prefix="magray_valid")


def _alerts(db: Connection[Any], now: datetime) -> list[Any]:
    """An alert of each state, and a rule nobody is told about."""
    names = [row["name"] for row in rows(db, "select name from memory_data.alert_rule order by 1")]
    ids = []
    for name, state in zip(names, ALERTS, strict=False):
        ids.append(
            value(
                db,
                "insert into memory_data.alert (rule, scope, severity, state, since, opened_at,"
                " resolved_at, acknowledged_at, acknowledged_by, value, worst, seen_at)"
                " values (%s, 'total', 'critical', %s, %s, %s, %s, %s, %s, 3, 4, now())"
                " returning id",
                name,
                "open" if state == "acknowledged" else state,
                now - timedelta(hours=1),
                None if state == "pending" else now,
                now if state == "resolved" else None,
                now if state == "acknowledged" else None,
                "ann" if state == "acknowledged" else None,
            )
        )
    call(db, "silence_alert", rule=names[-1], until=now + timedelta(hours=1))
    return [*ids[1:3], ids[0], ids[3]]  # one that can be acknowledged first


def _backups(db: Connection[Any]) -> list[str]:
    """A chain that was proved, and a backup that is damaged."""
    proven = "2026-11-20T12:00:00Z"
    call(
        db,
        "mirror_backups",
        windows=[WINDOW],
        backups=[
            backup("first", 0, proven_at=proven, verified_at=proven),
            backup("second", 5, kind="incremental", parent="first", chain="first", bytes=1 << 40),
            backup("third", 6, kind="compressed", tier="cold", fault="a pack is missing"),
        ],
    )
    return ["first", "second", "third"]


def _runs(db: Connection[Any]) -> list[Any]:
    """One that goes on, one that ended well, one that failed."""
    ids = [
        value(db, "select memory.begin_backup_run(%s, '{}')", action)
        for action in ("backup", "verify", "restore")
    ]
    note = "select memory.note_backup_run(%s, 'copying', 5, 10, %s, %s)"
    db.execute(note, (ids[0], None, None))
    db.execute(note, (ids[1], Jsonb({"id": "first"}), None))
    db.execute(note, (ids[2], None, Jsonb({"code": "MLB44", "message": "no"})))
    return ids
