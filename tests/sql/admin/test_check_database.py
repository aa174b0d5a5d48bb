"""memory.check_database: each condition turns when what it watches does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.calls import call, one

if TYPE_CHECKING:
    from psycopg import Connection


def conditions(db: Connection[Any], **arguments: Any) -> dict[str, dict[str, Any]]:
    return {row.pop("condition"): row for row in call(db, "check_database", **arguments)}


def test_a_migrated_database_is_fit(db: Connection[Any]) -> None:
    told = conditions(db)
    assert set(told) == {
        "postgresql version",
        "pgvector version",
        "data checksums",
        "pg_cron",
        "jobs allowed",
        "heartbeat",
        "clock",
        "jobs in time",
        "jobs without error",
        "schedules",
        "partitions ahead",
        "expired partitions",
        "unfinished detach",
        "search indexes",
        "row level security",
        "embedding model",
        "provider for the service",
        "waiting for vectors",
        "texts without vector",
        "shortened texts",
        "pressure",
        "fragmentation",
        "archive backlog",
        "archive files",
        "alert messages",
    }
    unfit = [name for name, row in told.items() if row["needed"] and not row["ok"]]
    assert unfit == []
    assert all(row["detail"] and row["hint"] for row in told.values())


@pytest.mark.parametrize(
    ("damage", "condition"),
    [
        ("alter table memory_data.usage no force row level security", "row level security"),
        ("alter table memory_data.interact disable row level security", "row level security"),
        ("update memory_data.embedding_model set active = false", "embedding model"),
        (
            "update pg_extension set extversion = '0.8.5' where extname = 'vector'",
            "pgvector version",
        ),
    ],
)
def test_damage_is_seen(db: Connection[Any], damage: str, condition: str) -> None:
    assert conditions(db)[condition]["ok"]
    db.execute(damage)
    assert not conditions(db)[condition]["ok"]


def test_a_partition_without_row_security_is_seen(db: Connection[Any]) -> None:
    db.execute(
        "do $$ begin execute (select format('alter table %s no force row level security',"
        " min(inhrelid::regclass::text)) from pg_inherits"
        " where inhparent = 'memory_data.assets'::regclass); end $$"
    )
    told = conditions(db)["row level security"]
    assert not told["ok"]
    assert "assets_" in told["detail"]


def test_the_next_partition_may_be_made_within_the_hour(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while call(db, "make_partitions", now=midnight - timedelta(seconds=1)):
        pass
    # interact: 7 steps of 8 hours ahead, and until they are over every memory has its place
    for minutes, ok in ((0, True), (59, True), (60, False), (56 * 60 - 1, False)):
        told = conditions(db, now=midnight + timedelta(minutes=minutes))["partitions ahead"]
        assert (told["ok"], told["needed"]) == (ok, ok), minutes
    told = conditions(db, now=midnight + timedelta(hours=56))["partitions ahead"]
    assert (told["ok"], told["needed"]) == (False, True)


def test_missing_partitions_are_seen(db: Connection[Any]) -> None:
    later = datetime.now(UTC) + timedelta(days=4000)
    told = conditions(db, now=later)["partitions ahead"]
    assert (told["ok"], told["needed"]) == (False, True)
    while call(db, "make_partitions", now=later):
        pass
    assert conditions(db, now=later)["partitions ahead"]["ok"]


def test_waiting_memories_are_counted(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x")
    assert conditions(db)["waiting for vectors"]["detail"] == "1 memories"
