"""memory.note_outage: what services saw of the database being away, as rows, a KPI and an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, rows

if TYPE_CHECKING:
    from psycopg import Connection

NOW = datetime.now(UTC).replace(second=30, microsecond=0)


def note(
    db: Connection[Any], began: float, ended: float, cause: str = "killed", **more: Any
) -> Any:
    """Minutes before NOW."""
    moments = {"began": NOW - timedelta(minutes=began), "ended": NOW - timedelta(minutes=ended)}
    return call(db, "note_outage", **moments, cause=cause, now=NOW, **more)


def kpi(db: Connection[Any], now: datetime = NOW) -> tuple[float, str | None]:
    (row,) = [row for row in call(db, "kpis", now=now) if row["kpi"] == "outages"]
    return row["value"], row["label"]


def test_none_is_none_and_not_unknown(db: Connection[Any]) -> None:
    assert kpi(db) == (0, None)


def test_an_outage_is_counted_for_an_hour_with_its_cause(db: Connection[Any]) -> None:
    note(db, 50, 49, "no space left on device")
    note(db, 20, 10, "its process was killed (SIGKILL)", restarted=True)
    assert kpi(db) == (2, "its process was killed (SIGKILL)")
    assert kpi(db, NOW + timedelta(minutes=20)) == (1, "its process was killed (SIGKILL)")
    assert kpi(db, NOW + timedelta(hours=2)) == (0, None)
    latest, _ = rows(db, "select * from memory.outages")
    assert latest["lasted"] == timedelta(minutes=10)
    assert latest["restarted"]


def test_what_several_services_saw_at_once_is_one_outage(db: Connection[Any]) -> None:
    note(db, 20, 10, "killed", detail="PANIC")
    note(db, 15, 8, "nobody listens", restarted=True)
    note(db, 22, 19)
    (row,) = rows(db, "select * from memory.outages")
    assert (row["began_at"], row["ended_at"]) == (
        NOW - timedelta(minutes=22),
        NOW - timedelta(minutes=8),
    )
    assert (row["cause"], row["detail"], row["restarted"]) == ("killed", "PANIC", True)


def test_a_clock_that_was_set_back_is_no_fault(db: Connection[Any]) -> None:
    note(db, 5, 7)
    assert rows(db, "select lasted from memory.outages") == [{"lasted": timedelta(0)}]


def test_long_words_are_cut(db: Connection[Any]) -> None:
    note(db, 2, 1, "x" * 5000, detail="y" * 5000)
    (row,) = rows(db, "select length(cause) as cause, length(detail) as detail from memory.outages")
    assert row == {"cause": 200, "detail": 2000}


def test_old_outages_are_dropped(db: Connection[Any]) -> None:
    note(db, 24 * 60 * 91, 24 * 60 * 91 - 1)
    note(db, 2, 1)
    assert len(rows(db, "select from memory.outages")) == 1


def test_the_alert_opens_at_once_and_ends_after_an_hour(db: Connection[Any]) -> None:
    note(db, 2, 1)
    (opened,) = [
        row for row in call(db, "check_alerts", now=NOW) if row["rule"] == "database outage"
    ]
    assert opened["state"] == "open"
    after = call(db, "check_alerts", now=NOW + timedelta(minutes=70))
    assert [row["state"] for row in after if row["rule"] == "database outage"] == ["resolved"]


def test_it_is_not_for_the_role_of_requests(app_db: Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        note(app_db, 2, 1)
