"""memory.expect_backups: backups are jobs, due when the service that keeps them says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, refused, rows, session, value

if TYPE_CHECKING:
    from psycopg import Connection

pytestmark = pytest.mark.own_clock  # the view memory.jobs

KINDS = ("full", "compressed", "incremental", "verify", "drill")
MINUTE = timedelta(minutes=1)


def expect(db: Connection[Any], now: datetime, **due: datetime) -> None:
    told = {f"backup_{name}": at.isoformat() for name, at in due.items()}
    call(db, "expect_backups", due=json.dumps(told), now=now)


def due(db: Connection[Any], name: str = "full") -> Any:
    (row,) = rows(db, "select * from memory.jobs where name = %s", f"backup_{name}")
    return row["next_due"]


def started(db: Connection[Any], at: datetime, name: str = "full") -> None:
    db.execute(
        "insert into memory_data.job_run (job, runner, started_at, finished_at, sqlstate, error)"
        " values (%s, 'service', %s, %s, '38000', 'no')",
        (f"backup_{name}", at, at),
    )


def conditions(db: Connection[Any], now: datetime) -> dict[str, Any]:
    return {row["condition"]: row for row in call(db, "check_database", now=now)}


def test_backups_are_jobs_that_nothing_is_known_of_at_first(db: Connection[Any]) -> None:
    found = {
        row["name"]: row for row in rows(db, "select * from memory.jobs where kind = 'backup'")
    }
    assert set(found) == {f"backup_{kind}" for kind in KINDS}
    assert all(row["enabled"] and row["next_due"] is None for row in found.values())
    now = datetime.now(UTC)
    assert conditions(db, now)["schedules"]["ok"]
    db.execute("update memory_data.schedule set cron = 'soon' where name = 'backup_full'")
    assert "backup_full is never due" in conditions(db, now)["schedules"]["detail"]


def test_they_are_due_when_the_service_says_so(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    later = now + timedelta(hours=5)
    expect(db, now, full=later, incremental=now)
    assert (due(db), due(db, "incremental"), due(db, "drill")) == (later, now, None)
    # not named any more
    expect(db, now, full=later + MINUTE)
    assert (due(db), due(db, "incremental")) == (later + MINUTE, None)
    # they are begun by who keeps them, not by whoever runs programs
    expect(db, now, full=now)
    assert "backup_full" not in {row["name"] for row in call(db, "due_jobs", now=now)}


def test_what_is_due_stays_due_since_then(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    expect(db, now, incremental=now)
    expect(db, now + 5 * MINUTE, incremental=now + 5 * MINUTE)
    assert due(db, "incremental") == now
    late = conditions(db, now + 5 * MINUTE)["jobs in time"]
    assert not late["ok"]
    assert "backup_incremental is due since" in late["detail"]
    # somebody took one by hand: it is due tomorrow
    expect(db, now + 6 * MINUTE, incremental=now + timedelta(days=1))
    assert due(db, "incremental") == now + timedelta(days=1)


def test_what_began_is_due_anew_only_when_it_is_said_again(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    expect(db, now - 5 * MINUTE, full=now - 10 * MINUTE)
    assert due(db) == now - 10 * MINUTE
    started(db, now - 4 * MINUTE)
    assert due(db) is None
    # it failed and is left alone for a while
    expect(db, now - 3 * MINUTE, full=now + 10 * MINUTE)
    assert due(db) == now + 10 * MINUTE
    # it failed, and who kept that in mind was started anew
    expect(db, now, full=now - 10 * MINUTE)
    assert due(db) == now


def test_what_failed_is_due_since_it_could_be_tried_again(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    expect(db, now, full=now - MINUTE)
    started(db, now)
    again = now + 16 * MINUTE
    for minute in range(4):
        expect(db, again + minute * MINUTE, full=now - MINUTE)
        assert due(db) == again
    assert not conditions(db, again + 4 * MINUTE)["jobs in time"]["ok"]
    assert not conditions(db, again + 4 * MINUTE)["jobs without error"]["ok"]
    # somebody took it by hand: that it failed is of no concern any more
    expect(db, again + 5 * MINUTE, full=again + timedelta(days=1))
    assert conditions(db, again + 5 * MINUTE)["jobs without error"]["ok"]


def test_an_operator_narrows_their_times_or_switches_them_off(db: Connection[Any]) -> None:
    db.execute("set local role memory_operator")
    now = datetime.now(UTC).replace(hour=12, minute=0, second=20, microsecond=0)
    call(db, "set_job", name="backup_full", cron="0 3 * * *")
    expect(db, now, full=now)
    assert due(db) == (now + timedelta(days=1)).replace(hour=3, second=0)
    expect(db, now, full=now.replace(hour=3))
    assert due(db) == now.replace(hour=3)
    assert one(db, "set_job", name="backup_full", enabled=False)["next_due"] is None
    assert value(db, "select memory.begin_job('backup_full', 'service')") is None


def test_a_backup_runs_once_at_a_time_and_not_before_it_is_due(clone_url: str) -> None:
    begin = "select memory.begin_job('backup_full', 'service')"
    with session(clone_url) as first, session(clone_url) as second:
        assert value(first, begin) is None
        now = datetime.now(UTC) - timedelta(seconds=1)
        expect(first, now, full=now, verify=now)
        run = value(first, begin)
        assert run is not None
        assert value(second, begin) is None
        first.execute("select memory.finish_job(%s, null, 'the disk is full')", (run,))
        (row,) = rows(second, "select * from memory.jobs where name = 'backup_full'")
        assert (row["runner"], row["error"]) == ("service", "the disk is full")
        assert row["duration"] > timedelta(0)
        told = conditions(second, now)["jobs without error"]
        assert "backup_full: 38000 the disk is full" in told["detail"]
        assert told["hint"] == "magray backup full"
        # not while jobs are switched off, and a clone that is released knows of none
        call(first, "allow_jobs", allowed=False)
        assert value(first, "select memory.begin_job('backup_verify', 'service')") is None
        call(first, "allow_jobs")
        assert due(first, "verify") is None


def test_only_backups_are_expected(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    call(db, "expect_backups", due=json.dumps({"expire": now.isoformat()}), now=now)
    assert value(db, "select due_at from memory_data.schedule where name = 'expire'") is None
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        db.execute("update memory_data.schedule set due_at = now() where name = 'expire'")
    with refused(db, "ML422", "is of kind backup"):
        call(db, "run_job", name="backup_drill")
