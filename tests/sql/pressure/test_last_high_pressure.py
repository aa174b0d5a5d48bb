"""memory.last_high_pressure: when a layer, or all together, were last measured at level high."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.sql.calls import one

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC)


def told(db: Connection[Any]) -> datetime | None:
    answer: datetime | None = one(db, "last_high_pressure")["last_high_pressure"]
    return answer


def test_it_is_null_until_there_was_one(db: Connection[Any]) -> None:
    assert told(db) is None
    db.execute("update memory_data.pressure set level = 'medium', high_at = null")
    assert told(db) is None


def test_it_is_the_latest_of_all_layers(db: Connection[Any]) -> None:
    for layer, hours in (("interact", 5), ("assets", 2)):
        db.execute(
            "insert into memory_data.pressure (layer, level, since, measured_at, high_at)"
            " values (%s, 'low', %s, %s, %s) on conflict (layer) do update"
            " set level = 'low', high_at = excluded.high_at",
            (layer, NOW, NOW, NOW - timedelta(hours=hours)),
        )
    for role in ("memory_app", "memory_operator"):
        db.execute(f"set local role {role}")
        assert told(db) == NOW - timedelta(hours=2)
