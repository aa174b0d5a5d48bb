"""memory.forget_namespace: a whole namespace in bounded batches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.archiving import hand, keep, register
from tests.sql.calls import call, contents, one, value

if TYPE_CHECKING:
    from psycopg import Connection

KINDS = ("user_interaction", "pattern", "core_concept")


def seed(db: Connection[Any], now: datetime) -> None:
    memories = [{"content": f"memory {i}", "kind": KINDS[i % 3]} for i in range(25)]
    call(db, "remember_many", namespace="n", memories=memories, now=now)
    one(db, "remember", namespace="m", content="not yours", now=now)


def stored(db: Connection[Any], namespace: str) -> int:
    return value(db, "select count(*) from memory._memories where namespace = %s", namespace)


def test_batches_go_on_until_nothing_is_left(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    seed(db, now)
    # a third has expired, which does not spare it
    later = now + timedelta(days=2)
    gone = []
    while batch := call(db, "forget_namespace", namespace="n", limit=10, now=later):
        assert len(batch) <= 10
        gone += batch
    assert len({row["id"] for row in gone}) == 25
    assert stored(db, "n") == 0
    assert contents(call(db, "list_memories", namespace="m", now=now)) == ["not yours"]
    decisions = value(
        db, "select count(*) from memory_data.decision where namespace = 'n' and action = 'forget'"
    )
    assert decisions == 25


def test_what_is_archived_goes_too(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    seed(db, now)
    archived = [keep(db, f"archived {i}", now) for i in range(6)]
    hand(db, archived[:3], now)
    register(db, now)
    hand(db, archived[3:], now)
    gone = []
    while batch := call(db, "forget_namespace", namespace="n", limit=10, now=now):
        gone += batch
    assert len({row["id"] for row in gone}) == 31
    assert {row["memories"] for row in call(db, "count_memories", namespace="n")} == {0}


def test_a_dry_run_tells_a_batch_and_changes_nothing(db: Connection[Any]) -> None:
    seed(db, datetime.now(UTC))
    assert len(call(db, "forget_namespace", namespace="n", dry_run=True)) == 25
    assert stored(db, "n") == 25


def test_an_unknown_namespace_has_nothing_to_forget(db: Connection[Any]) -> None:
    assert call(db, "forget_namespace", namespace="nobody") == []
