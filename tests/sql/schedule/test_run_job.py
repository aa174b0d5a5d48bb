"""memory.run_job and what is around it: who runs a job when, and how a run is kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sql.calls import call, one, refused, rows, session, until_waiting, value

if TYPE_CHECKING:
    from psycopg import Connection

MINUTE = timedelta(minutes=1)


# --- running


def job(db: Connection[Any], name: str) -> dict[str, Any]:
    (row,) = rows(db, "select * from memory.jobs where name = %s", name)
    return row


def add_job(db: Connection[Any], command: str, name: str = "test", **more: Any) -> None:
    values = {"cron": "* * * * *", "kind": "sql", "enabled": True, **more}
    db.execute(
        "insert into memory_data.schedule (name, cron, kind, command, enabled, description, since)"
        " values (%s, %s, %s, %s, %s, 'A test.', now() - interval '1 hour')",
        (name, values["cron"], values["kind"], command, values["enabled"]),
    )


def test_a_run_is_kept_with_rows_and_duration(db: Connection[Any]) -> None:
    add_job(db, "select * from generate_series(1, 7)")
    done = one(db, "run_job", name="test", runner="pg_cron")
    assert (done["rows"], done["sqlstate"], done["error"]) == (7, None, None)
    row = job(db, "test")
    assert (row["runner"], row["rows"], row["sqlstate"]) == ("pg_cron", 7, None)
    assert row["duration"] >= timedelta(0)
    assert row["next_due"] > row["last_start"]


@pytest.mark.parametrize(
    ("command", "sqlstate", "words"),
    [
        ("select 1 / 0", "22012", "division by zero"),
        ("select nothing", "42703", "nothing"),
        ("nonsense", "42601", "syntax"),
        ("select memory.get('n', uuidv7())", "ML404", "does not exist"),
        ("do $$ begin assert false; end $$", "P0004", "assertion"),
        ("delete from memory_data.promotion_rule; select 1 / 0", "22012", "division"),
    ],
)
def test_a_run_that_fails_is_kept_and_undone(
    db: Connection[Any], command: str, sqlstate: str, words: str
) -> None:
    add_job(db, command)
    done = one(db, "run_job", name="test")
    assert done["sqlstate"] == sqlstate
    assert words in done["error"]
    assert job(db, "test")["sqlstate"] == sqlstate
    assert value(db, "select count(*) from memory_data.promotion_rule") > 0
    told = {row["condition"]: row for row in call(db, "check_database")}["jobs without error"]
    assert not told["ok"]
    assert f"test: {sqlstate}" in told["detail"]
    assert told["hint"] == "select * from memory.run_job('test');"


@pytest.mark.parametrize(
    ("bound", "sqlstate"),
    [("statement_timeout = '50ms'", "57014"), ("lock_timeout = '50ms'", "55P03")],
)
def test_a_run_that_takes_too_long_is_kept(clone_url: str, bound: str, sqlstate: str) -> None:
    with session(clone_url) as db, session(clone_url) as holder, holder.transaction():
        add_job(db, "select count(*) from memory_data.interact")
        holder.execute("lock table memory_data.interact")
        db.execute(f"set {bound}")
        assert one(db, "run_job", name="test")["sqlstate"] == sqlstate
        assert job(db, "test")["sqlstate"] == sqlstate


def test_a_job_runs_once_at_a_time(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        with first.transaction():
            assert call(first, "run_job", name="expire", runner="pg_cron")
            assert call(second, "run_job", name="expire", runner="manual") == []
            assert call(second, "run_job", name="heartbeat", runner="manual")
        assert call(second, "run_job", name="expire", runner="manual")


@pytest.mark.own_clock
def test_two_services_run_a_due_job_once(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second, ThreadPoolExecutor(2) as pool:
        add_job(first, "select pg_sleep(0.2)")
        done = list(
            pool.map(lambda db: call(db, "run_job", name="test", runner="service"), (first, second))
        )
        assert sorted(len(answer) for answer in done) == [0, 1]
        assert call(first, "run_job", name="test", runner="service") == []
        assert value(first, "select count(*) from memory_data.job_run") == 1


@pytest.mark.own_clock
def test_decisions_know_the_run_they_come_from(db: Connection[Any]) -> None:
    one(db, "remember", namespace="n", content="x", kind="core_concept", ttl="1 microsecond")
    db.execute("update memory_data.assets set expires_at = now()")
    run = one(db, "run_job", name="expire", runner="service" if False else "manual")
    assert run["sqlstate"] is None
    assert (
        value(db, "select job_run from memory_data.decision where action = 'expire'") == run["run"]
    )
    assert value(db, "select memory._job_run()") is None


def test_an_unknown_job_is_refused(db: Connection[Any]) -> None:
    for function, arguments in (
        ("run_job", {}),
        ("begin_job", {}),
        ("set_job", {"enabled": False}),
    ):
        with refused(db, "ML404", "nothing"):
            call(db, function, name="nothing", **arguments)


# --- who runs what


def due(db: Connection[Any], now: datetime) -> dict[str, bool]:
    return {row["name"]: row["neglected"] for row in call(db, "due_jobs", now=now)}


def heartbeat(db: Connection[Any], at: datetime, runner: str = "pg_cron") -> None:
    db.execute(
        "insert into memory_data.job_run (job, runner, started_at, finished_at)"
        " values ('heartbeat', %s, %s, %s)",
        (runner, at, at),
    )


def runner(db: Connection[Any], now: datetime) -> str:
    who: str = one(db, "job_runner", now=now)["runner"]
    return who


def pretend_pg_cron(db: Connection[Any]) -> None:
    """The catalogue says it is there; nothing of it is called."""
    db.execute(
        "insert into pg_extension"
        " (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " values (987654, 'pg_cron', 10, 11, false, '1.6')"
    )


def test_without_pg_cron_the_service_runs_what_is_due(db: Connection[Any]) -> None:
    now = datetime.now(UTC).replace(second=30, microsecond=0)
    db.execute("update memory_data.schedule set since = %s", (now,))
    assert runner(db, now) == "service"
    assert due(db, now) == {}
    tick = now + timedelta(seconds=30)
    assert due(db, tick - timedelta(microseconds=1)) == {}
    assert {"heartbeat", "expire"} <= set(due(db, tick))
    # what was missed while nobody ran is made up for once
    assert set(due(db, now + timedelta(days=2))) == {
        row["name"]
        for row in rows(db, "select name from memory.jobs where enabled and kind <> 'backup'")
    }


def test_a_fresh_heartbeat_of_pg_cron_lets_the_service_yield(db: Connection[Any]) -> None:
    pretend_pg_cron(db)
    now = datetime.now(UTC)
    db.execute("update memory_data.schedule set since = %s", (now - timedelta(hours=1),))
    assert runner(db, now) == "service"
    heartbeat(db, now - timedelta(minutes=2) + timedelta(microseconds=1))
    assert runner(db, now) == "pg_cron"
    assert runner(db, now + timedelta(microseconds=1)) == "service"
    # that the service ran it says nothing about pg_cron
    heartbeat(db, now, "service")
    assert runner(db, now + MINUTE) == "service"
    heartbeat(db, now + MINUTE)
    assert runner(db, now + MINUTE) == "pg_cron"


def test_a_new_schedule_gives_pg_cron_two_minutes(db: Connection[Any]) -> None:
    pretend_pg_cron(db)
    now = datetime.now(UTC)
    db.execute("update memory_data.schedule set since = %s", (now,))
    assert runner(db, now + timedelta(seconds=119)) == "pg_cron"
    assert runner(db, now + timedelta(seconds=120)) == "service"


def test_a_job_pg_cron_neglects_is_run_when_it_is_two_intervals_late(db: Connection[Any]) -> None:
    pretend_pg_cron(db)
    start = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
    db.execute("update memory_data.schedule set since = %s", (start,))
    for minute in range(10):
        heartbeat(db, start + minute * MINUTE)
    # due at 12:01, two intervals late at 12:03
    assert "expire" not in due(db, start + timedelta(seconds=149))
    assert due(db, start + timedelta(seconds=150))["expire"] is True
    assert "heartbeat" not in due(db, start + timedelta(seconds=150))


def test_programs_are_the_services_even_with_pg_cron(db: Connection[Any]) -> None:
    pretend_pg_cron(db)
    add_job(db, "magray check", kind="program")
    now = datetime.now(UTC)
    heartbeat(db, now)
    assert due(db, now)["test"] is False
    with refused(db, "ML422", "program"):
        call(db, "run_job", name="test")
    with refused(db, "ML422", "sql"):
        call(db, "begin_job", name="expire")
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        add_job(db, "rm -rf /", "bad", kind="program")


def test_jobs_switched_off_run_for_nobody_but_by_hand(db: Connection[Any]) -> None:
    now = datetime.now(UTC) + timedelta(days=2)
    add_job(db, "magray check", "program", kind="program")
    assert value(db, "select memory.allow_jobs(false)") is False
    assert runner(db, now) == "nobody"
    assert due(db, now) == {}
    for who in ("pg_cron", "service"):
        assert call(db, "run_job", name="expire", runner=who) == []
        assert value(db, "select memory.begin_job('program', %s)", who) is None
    assert call(db, "run_job", name="expire")
    told = {row["condition"]: row for row in call(db, "check_database")}["jobs allowed"]
    assert (told["ok"], told["hint"]) == (False, "select memory.allow_jobs();")
    assert value(db, "select memory.allow_jobs()") is True
    assert due(db, now)


def test_one_job_switched_off_runs_by_hand_only(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    answer = one(db, "set_job", name="expire", enabled=False, now=now)
    assert (answer["enabled"], answer["next_due"]) == (False, None)
    assert "expire" not in due(db, now + timedelta(days=2))
    for who in ("pg_cron", "service"):
        assert call(db, "run_job", name="expire", runner=who) == []
    assert call(db, "run_job", name="expire")
    # switched on again it is not late
    later = now + timedelta(days=1)
    answer = one(db, "set_job", name="expire", enabled=True, cron="0 0 * * *", now=later)
    assert answer["next_due"] > later


def test_an_operator_may_change_when_a_job_runs_but_not_what(db: Connection[Any]) -> None:
    db.execute("set local role memory_operator")
    assert one(db, "set_job", name="expire", cron="30 seconds")["cron"] == "30 seconds"
    assert one(db, "run_job", name="expire")["sqlstate"] is None
    assert one(db, "run_job", name="traces")["sqlstate"] is None
    assert one(db, "run_job", name="logs")["sqlstate"] is None
    assert one(db, "run_job", name="job_history")["sqlstate"] is None
    assert one(db, "run_job", name="partitions")["sqlstate"] is None
    assert one(db, "run_job", name="housekeeping")["sqlstate"] is None
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("update memory_data.schedule set command = 'drop schema memory'")


def test_late_jobs_are_told(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    db.execute("update memory_data.schedule set since = %s", (now,))
    heartbeat(db, now, "service")
    told = {row["condition"]: row for row in call(db, "check_database", now=now)}
    assert told["jobs in time"]["ok"]
    assert told["heartbeat"]["ok"]
    assert "by service" in told["heartbeat"]["detail"]
    told = {row["condition"]: row for row in call(db, "check_database", now=now + 5 * MINUTE)}
    assert not told["jobs in time"]["ok"]
    assert "expire is due since" in told["jobs in time"]["detail"]
    assert not told["heartbeat"]["ok"]


def test_a_schedule_somebody_broke_is_told(db: Connection[Any]) -> None:
    db.execute("update memory_data.schedule set cron = 'at noon' where name = 'expire'")
    told = {row["condition"]: row for row in call(db, "check_database")}["schedules"]
    assert not told["ok"]
    assert "expire is never due: at noon" in told["detail"]
    assert job(db, "expire")["next_due"] is None


# --- a clock that ran ahead and came back


def run_ahead(db: Connection[Any], now: datetime, runner: str = "service") -> None:
    """Every job ran an hour ago, and in a month, when it failed."""
    db.execute("update memory_data.schedule set since = %s", (now - timedelta(hours=2),))
    db.execute(
        "insert into memory_data.job_run (job, runner, started_at, finished_at, sqlstate)"
        " select s.name, %s, %s + r.away, %s + r.away, r.sqlstate from memory_data.schedule as s,"
        " (values (interval '-1 hour', null), ('30 days', '22012')) as r (away, sqlstate)",
        (runner, now, now),
    )


@pytest.mark.own_clock
def test_runs_in_the_future_hold_no_job_back(clone_url: str) -> None:
    with session(clone_url) as db:
        now = datetime.now(UTC)
        run_ahead(db, now)
        row = job(db, "expire")
        assert row["last_start"] == now - timedelta(hours=1)
        assert (row["sqlstate"], row["late"] > timedelta(minutes=50)) == (None, True)
        assert {"heartbeat", "expire", "archive_run"} <= set(due(db, now))
        assert call(db, "run_job", name="expire", runner="service")
        assert value(db, "select memory.begin_job('archive_run', 'service')") is not None
        # and then it goes on as ever
        assert "expire" not in due(db, job(db, "expire")["last_start"])
        assert job(db, "expire")["next_due"] - datetime.now(UTC) < MINUTE
        told = {row["condition"]: row for row in call(db, "check_database")}
        assert "expire" not in told["jobs without error"]["detail"]


@pytest.mark.own_clock
def test_a_schedule_that_counts_from_the_future_is_due_at_once(db: Connection[Any]) -> None:
    now = datetime.now(UTC)
    db.execute("update memory_data.schedule set since = %s", (now + timedelta(days=30),))
    for name in ("expire", "logs"):
        assert name in due(db, now)
        assert job(db, name)["next_due"]
    db.execute(
        "insert into memory_data.job_run (job, runner, started_at) values ('logs', 'service', %s)",
        (now,),
    )
    assert "logs" not in due(db, now)
    assert job(db, "logs")["next_due"] > now
    assert value(db, "select memory._job_due('nonsense', %s, null, %s, 'UTC')", now, now) is None


def test_a_heartbeat_in_the_future_is_a_fault_and_no_sign_of_life(db: Connection[Any]) -> None:
    pretend_pg_cron(db)
    now = datetime.now(UTC)
    assert {row["condition"]: row for row in call(db, "check_database", now=now)}["clock"]["ok"]
    run_ahead(db, now, "pg_cron")
    assert runner(db, now) == "service"
    db.execute("update memory_data.schedule set since = %s", (now + timedelta(days=30),))
    assert runner(db, now) == "service"
    told = {row["condition"]: row for row in call(db, "check_database", now=now)}
    assert not told["clock"]["ok"]
    assert f"{now + timedelta(days=30):%Y-%m-%d}" in told["clock"]["detail"]
    assert "heartbeat" in told["clock"]["detail"]
    assert not told["heartbeat"]["ok"]
    assert told["heartbeat"]["detail"].startswith("01:00:00 ago")
    assert not told["jobs in time"]["ok"]
    # what the hint says mends it, and an operator may do it
    db.execute("set local role memory_operator")
    db.execute(told["clock"]["hint"].partition("Then: ")[2])
    told = {row["condition"]: row for row in call(db, "check_database", now=now)}
    assert told["clock"]["ok"]


# --- programs


def test_a_program_holds_its_lock_until_it_is_finished(clone_url: str) -> None:
    with session(clone_url) as first, session(clone_url) as second:
        add_job(first, "magray check", kind="program")
        run = value(first, "select memory.begin_job('test', 'service')")
        assert value(second, "select memory.begin_job('test')") is None
        assert job(second, "test")["duration"] is None
        first.execute("select memory.finish_job(%s, 5, 'exit code 1: no')", (run,))
        row = job(second, "test")
        assert (row["rows"], row["sqlstate"], row["error"]) == (5, "38000", "exit code 1: no")
        # not due again for this minute, and its lock is free
        assert value(first, "select memory.begin_job('test', 'service')") is None
        again = value(second, "select memory.begin_job('test')")
        second.execute("select memory.finish_job(%s)", (again,))
        assert job(first, "test")["sqlstate"] is None


def test_the_hint_for_a_program_that_failed_is_its_command(db: Connection[Any]) -> None:
    run = value(db, "select memory.begin_job('archive_run')")
    db.execute("select memory.finish_job(%s, null, 'exit code 74: no')", (run,))
    told = {row["condition"]: row for row in call(db, "check_database")}["jobs without error"]
    assert told["detail"] == "archive_run: 38000 exit code 74: no"
    assert told["hint"] == "magray archive run"


def test_a_program_whose_service_was_killed_may_run_again(clone_url: str) -> None:
    with session(clone_url) as db:
        add_job(db, "magray check", kind="program")
        with session(clone_url) as killed:
            lost = value(killed, "select memory.begin_job('test', 'service')")
            with ThreadPoolExecutor(1) as pool:
                work = pool.submit(
                    value, db, "select pg_advisory_lock(hashtextextended('memory job job test', 0))"
                )
                until_waiting(db, work)
                killed.close()
        db.execute("select pg_advisory_unlock_all()")
        assert value(db, "select memory.begin_job('test')") is not None
        (row,) = rows(db, "select * from memory_data.job_run where id = %s", lost)
        assert (row["sqlstate"], row["error"]) == ("57P01", "the runner went away")
