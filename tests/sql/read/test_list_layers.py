"""memory.list_layers: policy, and what a namespace holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused, value

if TYPE_CHECKING:
    from psycopg import Connection


def test_the_policy_of_the_mission_is_the_default(db: Connection[Any]) -> None:
    policy = [
        (
            row["layer"],
            row["ttl_seconds"],
            row["max_bytes"],
            row["eviction_policy"],
            row["promotion_threshold"],
            row["next_layer"],
        )
        for row in call(db, "list_layers", namespace="n")
    ]
    assert policy == [
        ("interact", 86_400, 512 << 20, "lru_with_importance", 0.7, "insights"),
        ("insights", 90 * 86_400, 2048 << 20, "importance_based", 0.9, "assets"),
        ("assets", None, 8192 << 20, "manual", None, None),
    ]


def test_only_live_memories_of_the_namespace_are_counted(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=700)
    one(db, "remember", namespace="n", content="a", pinned=True, created_at=old, now=now)
    one(db, "remember", namespace="n", content="b", now=now)
    one(db, "remember", namespace="n", content="short", ttl=timedelta(minutes=1), now=now)
    one(db, "remember", namespace="m", content="foreign", now=now)
    interact, insights, _ = call(db, "list_layers", namespace="n", now=now + timedelta(minutes=1))
    assert (interact["memories"], interact["pinned"]) == (2, 1)
    assert (interact["oldest"], interact["newest"]) == (old, now)
    assert interact["bytes"] == value(
        db,
        "select sum(size) from memory_data.interact where namespace = 'n' and content <> 'short'",
    )
    assert (insights["memories"], insights["bytes"], insights["oldest"]) == (0, 0, None)


def test_a_namespace_is_needed(db: Connection[Any]) -> None:
    with refused(db, "ML422"):
        call(db, "list_layers", namespace=None)
