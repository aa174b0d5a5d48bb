"""memory.run_lifecycle: every step in its order, each by itself as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import call, one, refused, value

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def test_a_turn_does_what_its_steps_do(db: Connection[Any]) -> None:
    memory = one(
        db, "remember", namespace="n", content="x", kind="core_concept", ttl="1 hour", now=NOW
    )["id"]
    later = NOW + timedelta(hours=1)
    told = call(db, "run_lifecycle", now=later, dry_run=True, steps=["expire"])
    assert value(db, "select count(*) from memory_data.assets") == 1
    done = call(db, "run_lifecycle", now=later)
    assert [row for row in done if row["step"] == "expire"] == told
    (expired,) = (row["change"] for row in told if row["change"]["action"] == "delete")
    assert (expired["namespace"], expired["from_id"]) == ("n", str(memory))
    assert value(db, "select count(*) from memory_data.assets") == 0


def test_a_step_may_be_left_out(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x", kind="core_concept", ttl="1 hour", now=NOW)
    assert call(db, "run_lifecycle", now=NOW + timedelta(days=1), steps=[]) == []
    assert value(db, "select count(*) from memory_data.assets") == 1


def test_an_unknown_step_is_refused(db: Connection[Any]) -> None:
    with refused(db, "ML422", "dance", "expire"):
        call(db, "run_lifecycle", steps=["expire", "dance"])


def test_the_limit_bounds_a_turn(db: Connection[Any]) -> None:
    for i in range(3):
        one(
            db,
            "remember",
            namespace="n",
            content=f"{i}",
            kind="core_concept",
            ttl="1 hour",
            now=NOW,
        )
    later = NOW + timedelta(days=1)
    for left in (1, 0):
        call(db, "run_lifecycle", now=later, limit=2, steps=["expire"])
        assert value(db, "select count(*) from memory_data.assets") == left
