"""The service as the clock of the jobs: embedded, there is nobody else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from service.background import schedule
from service.background.schedule import Scheduler
from tests.api.running import until
from tests.jobs.commands import environment, magray
from tests.sql.archiving import hand, keep
from tests.sql.calls import call, one, rows, session, value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping
    from pathlib import Path

    from psycopg import Connection

pytestmark = pytest.mark.anyio

Logs = list["MutableMapping[str, Any]"]


@asynccontextmanager
async def scheduler(url: str) -> AsyncIterator[tuple[Scheduler, Logs]]:
    """The service's scheduler on a database, and what it says."""
    running = Scheduler(url)
    with capture_logs() as logs:
        async with running.running():
            yield running, logs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_TICK", 0.05)
    monkeypatch.setattr(schedule, "_PAUSE", 0.05)
    # no other module may have bound the logger before the logs are captured
    monkeypatch.setattr(schedule, "log", schedule.structlog.get_logger("magray.schedule"))


def said(logs: Logs, event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


def job(db: Connection[Any], name: str) -> dict[str, Any]:
    (row,) = rows(db, "select * from memory.jobs where name = %s", name)
    return row


def make_due(db: Connection[Any], *names: str) -> None:
    """These and no other jobs are due."""
    db.execute("update memory_data.schedule set enabled = name = any (%s)", (list(names),))
    db.execute("update memory_data.schedule set since = now() - interval '1 hour'")


def add_program(db: Connection[Any], command: str) -> None:
    db.execute(
        "insert into memory_data.schedule (name, cron, kind, command, description)"
        " values ('test', '* * * * *', 'program', %s, 'A test.')",
        (command,),
    )


def store_expired(db: Connection[Any]) -> tuple[Any, str]:
    """A memory in a partition that is past; its id and the partition."""
    past = datetime.now(UTC) - timedelta(hours=30)
    while call(db, "make_partitions", now=past):
        pass
    memory = one(db, "remember", namespace="n", content="old", ttl="1 hour", now=past)["id"]
    name = value(
        db, "select tableoid::regclass::text from memory_data.interact where id = %s", memory
    )
    return memory, name


async def test_what_is_due_is_run_and_kept(clone_url: str) -> None:
    with session(clone_url) as db:
        memory, partition = store_expired(db)
        make_due(db, "expire", "heartbeat")
        async with scheduler(clone_url) as (_, logs):

            async def gone() -> bool:
                return value(db, "select to_regclass(%s) is null", partition) and bool(
                    job(db, "heartbeat")["last_start"]
                )

            await until(gone)
        row = job(db, "expire")
        assert (row["runner"], row["sqlstate"]) == ("service", None)
        assert row["rows"] >= 1
        assert row["next_due"] > row["last_start"]
        told = call(db, "history", namespace="n", id=memory)
        assert [event["event"] for event in told] == ["expire"]
        assert value(db, "select job_run from memory_data.decision") is not None
    (line,) = said(logs, "service runs the jobs")
    assert (line["why"], line["log_level"]) == ("pg_cron is absent", "info")
    assert [one_line["job"] for one_line in said(logs, "job ran")] == ["expire"]


async def test_a_job_that_fails_is_told_and_the_others_run(clone_url: str) -> None:
    with session(clone_url) as db:
        db.execute("update memory_data.schedule set command = 'select 1 / 0' where name = 'expire'")
        make_due(db, "expire", "traces")
        async with scheduler(clone_url) as (_, logs):

            async def ran() -> Any:
                return job(db, "traces")["last_start"] and job(db, "expire")["last_start"]

            await until(ran)
        assert job(db, "expire")["sqlstate"] == "22012"
    (line,) = said(logs, "job failed")
    assert (line["job"], line["sqlstate"]) == ("expire", "22012")
    assert "division" in line["error"]


async def test_jobs_that_are_switched_off_wait_for_their_release(clone_url: str) -> None:
    with session(clone_url) as db:
        make_due(db, "heartbeat")
        db.execute("select memory.allow_jobs(false)")
        async with scheduler(clone_url) as (_, logs):

            async def told() -> Any:
                return said(logs, "nobody runs the jobs")

            await until(told)
            assert value(db, "select count(*) from memory_data.job_run") == 0
            db.execute("select memory.allow_jobs()")

            async def ran() -> Any:
                return job(db, "heartbeat")["last_start"]

            await until(ran)


async def test_a_lost_connection_is_made_anew(clone_url: str) -> None:
    with session(clone_url) as db:
        make_due(db)
        async with scheduler(clone_url) as (_, logs):

            async def started() -> Any:
                return said(logs, "service runs the jobs")

            await until(started)
            value(
                db,
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()",
            )
            make_due(db, "heartbeat")

            async def ran() -> Any:
                return job(db, "heartbeat")["last_start"]

            await until(ran)
    assert said(logs, "jobs cannot run")


async def test_a_program_runs_beside_the_jobs(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGRAY_EMBEDDING__PROVIDER", "none")
    with session(clone_url) as db:
        make_due(db)
        add_program(db, "magray keys create --name scheduled --scope read")
        db.execute("update memory_data.schedule set since = now() - interval '1 hour'")
        async with scheduler(clone_url) as (_, logs):

            async def ended() -> Any:
                return said(logs, "program ended")

            await until(ended)
        assert value(db, "select count(*) from memory_data.api_key where name = 'scheduled'") == 1
        row = job(db, "test")
        assert (row["runner"], row["sqlstate"], row["error"]) == ("service", None, None)
        assert row["duration"] > timedelta(0)


async def test_a_program_that_fails_is_kept(clone_url: str) -> None:
    with session(clone_url) as db:
        make_due(db)
        add_program(db, "magray nonsense --now")
        db.execute("update memory_data.schedule set since = now() - interval '1 hour'")
        async with scheduler(clone_url) as (_, logs):

            async def failed() -> Any:
                return said(logs, "program failed")

            await until(failed)
        row = job(db, "test")
        assert row["sqlstate"] == "38000"
        assert row["error"].startswith("exit code 2: ")
        assert "No such command 'nonsense'." in row["error"]


async def test_with_nothing_to_train_or_score_the_schedule_has_nothing_to_do(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in environment(clone_url).items():
        if name.startswith("MAGRAY_EMBEDDING__"):
            monkeypatch.setenv(name, setting)
    with session(clone_url) as db:
        call(db, "schedule_training", cron="* * * * *")
        make_due(db, "train", "score")
        async with scheduler(clone_url) as (_, logs):

            async def ended() -> Any:
                return len(said(logs, "program ended") + said(logs, "program failed")) >= 2

            await until(ended)
        for name in ("train", "score"):
            row = job(db, name)
            assert (row["sqlstate"], row["error"]) == (None, None)
            assert row["last_start"]
        told = {row["condition"]: row for row in call(db, "check_database")}["jobs without error"]
        assert told["ok"]
    why = {line["job"]: line["said"] for line in said(logs, "program ended")}
    assert why["score"].startswith("Nothing to do: no model is in use")
    assert why["train"].startswith("Nothing to do: there is too little to learn from yet")


def damage_a_file(folder: Path) -> Path:
    """Cut the only file of an archive short."""
    (path,) = folder.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    return path


async def test_problems_of_the_archive_are_kept(
    clone_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAGRAY_ARCHIVE__URL", tmp_path.as_uri())
    with session(clone_url) as db:
        now = datetime.now(UTC)
        one_id, other = (keep(db, f"number {i}", now) for i in range(2))
        hand(db, [one_id, other], now)
        done = magray(clone_url, "archive", "run")
        assert (done.returncode, done.stderr) == (0, "")
        path = damage_a_file(tmp_path)
        call(db, "forget", namespace="n", ids=[one_id])
        make_due(db, "archive_run")
        async with scheduler(clone_url) as (_, logs):

            async def failed() -> Any:
                return said(logs, "program failed")

            await until(failed)
        row = job(db, "archive_run")
        assert row["sqlstate"] == "38000"
        assert row["error"].startswith("exit code 74: ")
        assert path.name in row["error"]
        told = {row["condition"]: row for row in call(db, "check_database")}["jobs without error"]
        assert path.name in told["detail"]
        assert told["hint"] == "magray archive run"


async def test_a_program_ends_with_the_service(
    clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in (("EMBEDDING__PROVIDER", "none"), ("PORT", "0"), ("EMBEDDING__DIM", "8")):
        monkeypatch.setenv(f"MAGRAY_{name}", setting)
    with session(clone_url) as db:
        make_due(db)
        add_program(db, "magray serve")
        db.execute("update memory_data.schedule set since = now() - interval '1 hour'")
        async with scheduler(clone_url) as (_, logs):

            async def started() -> Any:
                return said(logs, "program started")

            await until(started)
        row = job(db, "test")
        assert (row["sqlstate"], row["error"]) == ("38000", "stopped with the service")
        # and its lock with it
        assert value(db, "select memory.begin_job('test')") is not None
