"""memory.flow: how many records moved and went in each hour, as the dashboard draws it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
HOUR = NOW.replace(minute=0)


@pytest.fixture(autouse=True)
def yesterday(db: Connection[Any]) -> None:
    """Decisions of the hours before have a partition on the first day of a month too."""
    call(db, "make_partitions", now=NOW - timedelta(days=1))


def decide(
    db: Connection[Any], at: datetime, action: str, *, records: int = 1, to: str | None = None
) -> None:
    db.execute(
        "insert into memory_data.decision"
        " (namespace, id, at, action, layer, to_layer, kind, records)"
        " values ('n', gen_random_uuid(), %s, %s, 'interact', %s, 'user_interaction', %s)",
        (at, action, to, records),
    )


def test_records_are_added_up_by_hour_and_action(db: Connection[Any]) -> None:
    decide(db, NOW, "promote", to="insights")
    decide(db, HOUR, "promote", to="insights")
    decide(db, HOUR - timedelta(minutes=1), "promote", to="insights")
    decide(db, NOW, "expire", records=7)
    decide(db, NOW, "expire")
    assert [tuple(row.values()) for row in call(db, "flow", now=NOW)] == [
        (HOUR - timedelta(hours=1), "interact", "promote", "insights", 1),
        (HOUR, "interact", "expire", None, 8),
        (HOUR, "interact", "promote", "insights", 2),
    ]


def test_what_stays_what_is_too_old_and_what_is_to_come_do_not_count(db: Connection[Any]) -> None:
    decide(db, NOW, "keep")
    decide(db, NOW - timedelta(hours=2), "expire")
    decide(db, NOW + timedelta(microseconds=1), "expire")
    assert call(db, "flow", now=NOW, hours=2) == []
    assert [row["records"] for row in call(db, "flow", now=NOW, hours=3)] == [1]


def test_a_memory_that_is_forgotten_is_in_it(db: Connection[Any]) -> None:
    memory = one(db, "remember", namespace="n", content="x")
    call(db, "forget", namespace="n", ids=[memory["id"]])
    now = datetime.now(UTC) + timedelta(seconds=1)
    told = [(row["action"], row["records"]) for row in call(db, "flow", now=now)]
    assert told == [("forget", 1)]


def test_it_is_not_for_the_service(db: Connection[Any]) -> None:
    db.execute("set local role memory_operator")
    assert call(db, "flow") == []
    db.execute("set local role memory_app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        call(db, "flow")
