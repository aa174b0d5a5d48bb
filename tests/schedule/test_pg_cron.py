"""Jobs under the real pg_cron, and the service when pg_cron fails in the ways it does."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from structlog.testing import capture_logs

from service.background import schedule
from service.background.schedule import Scheduler
from service.core.memory import Jobs
from tests.api.running import running
from tests.dashboard.visiting import shown_kpis, visiting
from tests.schedule.conftest import until_true
from tests.sql.calls import call, one, refused, rows, session, value

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from psycopg import Connection

pytestmark = pytest.mark.full

# What the service's scheduler says, line by line.
Logs = list["MutableMapping[str, Any]"]


def reconcile(db: Connection[Any], **arguments: Any) -> list[dict[str, Any]]:
    with db.transaction():
        db.execute("set local role memory_operator")
        return call(db, "reconcile_schedule", **arguments)


def job(db: Connection[Any], name: str) -> dict[str, Any]:
    (row,) = rows(db, "select * from memory.jobs where name = %s", name)
    return row


def store_expired(db: Connection[Any]) -> tuple[Any, str]:
    """A memory in a partition that is past; its id and the partition."""
    past = datetime.now(UTC) - timedelta(hours=30)
    while call(db, "make_partitions", now=past):
        pass
    memory = one(db, "remember", namespace="n", content="old", ttl="1 hour", now=past)["id"]
    where = "select tableoid::regclass::text from memory_data.interact where id = %s"
    return memory, value(db, where, memory)


def pass_time(db: Connection[Any], minutes: int) -> None:
    """As if everything so far had happened some minutes earlier."""
    db.execute(
        "update memory_data.schedule set since = since - %s * interval '1 minute'", (minutes,)
    )
    db.execute(
        "update memory_data.job_run set started_at = started_at - %s * interval '1 minute'",
        (minutes,),
    )


def serve_until(url: str, come_true: Callable[[Logs], object], *, seconds: float = 90) -> Logs:
    """Run the service's scheduler until something is true; returns what it said."""

    async def run() -> None:
        async with Scheduler(url).running(), asyncio.timeout(seconds):
            while not come_true(logs):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    with capture_logs() as logs:
        asyncio.run(run())
    return logs


def said(logs: Logs, event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_TICK", 0.2)
    monkeypatch.setattr(schedule, "log", schedule.structlog.get_logger("magray.schedule"))


def test_jobs_run_by_themselves(cron_db: Connection[Any]) -> None:
    memory, partition = store_expired(cron_db)
    asset = one(
        cron_db, "remember", namespace="n", content="x", kind="core_concept", ttl="1 second"
    )["id"]
    told = reconcile(cron_db)
    assert {row["job"] for row in told} == {
        row["name"] for row in rows(cron_db, "select name from memory.jobs where kind = 'sql'")
    }
    # as they are scheduled: the heartbeat and the expiry every minute; one that meets a reader
    # among the others of its minute leaves the partition to the next
    until_true(
        lambda: (
            job(cron_db, "heartbeat")["last_start"]
            and value(cron_db, "select to_regclass(%s) is null", partition)
        ),
        seconds=200,
    )
    for name in ("heartbeat", "expire"):
        row = job(cron_db, name)
        assert (row["runner"], row["sqlstate"], row["late"]) == ("pg_cron", None, None)
    for one_id in (memory, asset):
        events = [row["event"] for row in call(cron_db, "history", namespace="n", id=one_id)]
        assert events == ["expire"]
    assert one(cron_db, "job_runner")["runner"] == "pg_cron"
    details = rows(cron_db, "select username, status, command from cron.job_run_details")
    assert {row["username"] for row in details} == {"memory_operator"}
    conditions = {row["condition"]: row for row in call(cron_db, "check_database")}
    assert conditions["pg_cron"]["ok"]
    assert conditions["heartbeat"]["ok"]
    assert "by pg_cron" in conditions["heartbeat"]["detail"]


def test_a_job_is_bounded_by_the_settings_of_its_role(cron_db: Connection[Any]) -> None:
    cron_db.execute(
        "insert into memory_data.schedule (name, cron, command, description)"
        " values ('test', '1 seconds', 'select count(*) from memory_data.interact', 'A test.')"
    )
    cron_db.execute("update memory_data.schedule set enabled = name = 'test'")
    with session(cron_db.info.dsn) as holder, holder.transaction():
        holder.execute("lock table memory_data.interact")
        reconcile(cron_db)
        until_true(lambda: job(cron_db, "test")["last_start"])
        assert job(cron_db, "test")["sqlstate"] == "55P03"
        assert job(cron_db, "test")["duration"] < timedelta(seconds=5)
    until_true(lambda: job(cron_db, "test")["sqlstate"] is None)


def test_pg_cron_follows_the_schedule(cron_db: Connection[Any]) -> None:
    all_jobs = reconcile(cron_db, dry_run=True)
    assert (
        value(cron_db, "select count(*) from cron.job where starts_with(jobname, 'magray ')") == 0
    )
    assert reconcile(cron_db) == all_jobs
    assert {row["action"] for row in all_jobs} == {"schedule"}
    assert reconcile(cron_db) == []

    call(cron_db, "set_job", name="expire", cron="30 seconds")
    call(cron_db, "set_job", name="logs", enabled=False)
    cron_db.execute("delete from memory_data.schedule where name = 'traces'")
    cron_db.execute("update cron.job set active = false where jobname = 'magray partitions'")
    cron_db.execute(
        "update cron.job set command = 'select 1' where jobname = 'magray housekeeping'"
    )
    assert {row["job"]: (row["action"], row["cron"]) for row in reconcile(cron_db)} == {
        "expire": ("change", "30 seconds"),
        "logs": ("unschedule", None),
        "traces": ("unschedule", None),
        "partitions": ("change", "*/15 * * * *"),
        "housekeeping": ("change", "17 * * * *"),
    }
    assert reconcile(cron_db) == []
    found = rows(
        cron_db,
        "select jobname, schedule, command, active, username from cron.job"
        " where jobname in ('magray expire', 'magray partitions') order by jobname",
    )
    assert [(row["jobname"], row["schedule"], row["active"]) for row in found] == [
        ("magray expire", "30 seconds", True),
        ("magray partitions", "*/15 * * * *", True),
    ]
    assert found[0]["command"] == "select * from memory.run_job('expire', 'pg_cron')"
    assert {row["username"] for row in found} == {"memory_operator"}
    with refused(cron_db, "ML403", "not yours"):
        call(cron_db, "reconcile_schedule")


def test_the_heartbeat_mends_what_somebody_changed_in_pg_cron(cron_db: Connection[Any]) -> None:
    call(cron_db, "set_job", name="heartbeat", cron="1 seconds")
    reconcile(cron_db)
    cron_db.execute("delete from cron.job where jobname = 'magray expire'")
    until_true(
        lambda: value(cron_db, "select count(*) from cron.job where jobname = 'magray expire'")
    )


def test_a_restored_clone_runs_nothing_until_it_is_released(cron_db: Connection[Any]) -> None:
    call(cron_db, "set_job", name="heartbeat", cron="1 seconds")
    reconcile(cron_db)
    cron_db.execute("select memory.allow_jobs(false)")
    tried = "select count(*) from cron.job_run_details where command like '%%heartbeat%%'"
    before = value(cron_db, tried)
    until_true(lambda: value(cron_db, tried) >= before + 3)
    cron_db.execute("delete from memory_data.job_run")
    before = value(cron_db, tried)
    until_true(lambda: value(cron_db, tried) >= before + 3)
    assert value(cron_db, "select count(*) from memory_data.job_run") == 0
    logs = serve_until(cron_db.info.dsn, lambda logs: said(logs, "nobody runs the jobs"))
    assert value(cron_db, "select count(*) from memory_data.job_run") == 0
    assert said(logs, "job ran") == []
    cron_db.execute("select memory.allow_jobs()")
    until_true(lambda: job(cron_db, "heartbeat")["last_start"])


def launcher(db: Connection[Any]) -> int | None:
    pids = rows(db, "select pid from pg_stat_activity where backend_type = 'pg_cron launcher'")
    return pids[0]["pid"] if pids else None


def test_a_killed_launcher_comes_back_and_the_jobs_with_it(cron_db: Connection[Any]) -> None:
    call(cron_db, "set_job", name="heartbeat", cron="1 seconds")
    reconcile(cron_db)
    until_true(lambda: job(cron_db, "heartbeat")["last_start"])
    pid = launcher(cron_db)
    cron_db.execute("select pg_terminate_backend(%s)", (pid,))
    until_true(lambda: launcher(cron_db) not in {None, pid})
    cron_db.execute("delete from memory_data.job_run")
    until_true(lambda: job(cron_db, "heartbeat")["runner"] == "pg_cron")


def test_a_dropped_role_stops_pg_cron_and_the_service_takes_over(
    cron_db: Connection[Any],
) -> None:
    """One inactive job of a role that is gone is enough: the launcher dies at every start."""
    call(cron_db, "set_job", name="heartbeat", cron="2 seconds")
    reconcile(cron_db)
    until_true(lambda: job(cron_db, "heartbeat")["last_start"])
    url, role = cron_db.info.dsn, f"gone_{uuid.uuid4().hex[:8]}"
    cron_db.execute(f"create role {role} login")
    cron_db.execute(
        "select cron.schedule_in_database('stray', '0 0 1 1 *', 'select 1', current_database(),"
        " %s, false)",
        (role,),
    )
    try:
        cron_db.execute(f"drop role {role}")
        cron_db.execute("select pg_terminate_backend(%s)", (launcher(cron_db),))
        memory, partition = store_expired(cron_db)
        # two minutes of silence
        pass_time(cron_db, 3)
        logs = serve_until(
            url, lambda _: value(cron_db, "select to_regclass(%s) is null", partition)
        )
        (line,) = said(logs, "service runs the jobs")
        assert line["log_level"] == "warning"
        assert line["why"] == "pg_cron has been silent for two minutes"
        assert job(cron_db, "expire")["runner"] == "service"
        told = call(cron_db, "history", namespace="n", id=memory)
        assert [event["event"] for event in told] == ["expire"]
        conditions = {row["condition"]: row for row in call(cron_db, "check_database")}
        assert not conditions["pg_cron"]["ok"]
        assert conditions["heartbeat"]["ok"]
    finally:
        cron_db.execute("delete from cron.job where jobname = 'stray'")
    # pg_cron lives again: the service yields
    logs = serve_until(url, lambda logs: said(logs, "pg_cron runs the jobs"))
    assert one(cron_db, "job_runner")["runner"] == "pg_cron"


def test_a_job_that_is_late_is_run_by_the_service(cron_db: Connection[Any]) -> None:
    """pg_cron lives, but one of its jobs does not come."""
    call(cron_db, "set_job", name="heartbeat", cron="2 seconds")
    # it shows that pg_cron lives, and does not mend what we do to its jobs
    cron_db.execute("update memory_data.schedule set command = 'select 1' where name = 'heartbeat'")
    reconcile(cron_db)
    until_true(lambda: job(cron_db, "heartbeat")["last_start"])
    memory, partition = store_expired(cron_db)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jobs, "reconcile", _nothing)
        cron_db.execute(
            "update cron.job set schedule = '0 0 1 1 *' where jobname = 'magray expire'"
        )
        cron_db.execute("delete from memory_data.job_run where job = 'expire'")
        cron_db.execute(
            "update memory_data.schedule set since = now() - interval '10 minutes'"
            " where name = 'expire'"
        )
        logs = serve_until(
            cron_db.info.dsn, lambda logs: said(logs, "pg_cron neglected a job, the service ran it")
        )
    assert said(logs, "pg_cron runs the jobs")
    (line,) = said(logs, "pg_cron neglected a job, the service ran it")
    assert (line["job"], line["log_level"]) == ("expire", "warning")
    assert job(cron_db, "expire")["runner"] == "service"
    assert value(cron_db, "select to_regclass(%s) is null", partition)
    told = call(cron_db, "history", namespace="n", id=memory)
    assert [event["event"] for event in told] == ["expire"]


async def _nothing(_: Jobs) -> list[dict[str, Any]]:
    return []


def test_two_runners_never_run_a_job_twice_at_once(cron_db: Connection[Any]) -> None:
    """pg_cron every second, the service beside it, each run notes that it is alone."""
    cron_db.execute("create table memory_data.alone (at timestamptz default clock_timestamp())")
    cron_db.execute("grant insert, select, delete on memory_data.alone to memory_operator")
    cron_db.execute(
        "insert into memory_data.schedule (name, cron, command, description) values"
        " ('test', '1 seconds', 'select pg_sleep(0.3)', 'A test.')"
    )
    reconcile(cron_db)
    pass_time(cron_db, 3)

    def both(_: Logs) -> bool:
        runners = rows(
            cron_db, "select distinct runner from memory_data.job_run where job = 'test'"
        )
        return len(runners) == 2

    serve_until(cron_db.info.dsn, both)
    overlaps = value(
        cron_db,
        "select count(*) from memory_data.job_run as a join memory_data.job_run as b"
        " on a.job = 'test' and b.job = 'test' and a.id < b.id"
        " and tstzrange(a.started_at, a.finished_at) && tstzrange(b.started_at, b.finished_at)",
    )
    assert overlaps == 0


@pytest.mark.anyio
async def test_how_often_the_service_stood_in_is_the_same_wherever_it_is_read(
    cron_url: str,
) -> None:
    with session(cron_url) as db:
        call(db, "allow_jobs", allowed=False)
    async with running(cron_url) as service, visiting(service) as visitor:
        key = await service.key(scopes=("read", "admin"))
        await visitor.post("/login", data={"key": key})
        with session(cron_url) as db:
            db.execute("delete from memory_data.job_run")
            db.execute(
                "insert into memory_data.job_run (job, runner, started_at, finished_at)"
                " select 'expire', case when g <= 5 then 'service' else 'pg_cron' end, now(), now()"
                " from generate_series(1, 20) as g"
            )
            (in_sql,) = (
                row["value"]
                for row in call(db, "kpis")
                if (row["kpi"], row["scope"]) == ("fallback_rate", "jobs")
            )
        over_http = (await service.client(key).get("/v1/kpis")).json()["kpis"]
        metrics = (await service.http.get("/metrics")).text
        shown = shown_kpis((await visitor.get("/panel/kpis")).text)
    assert in_sql == 0.25
    assert [
        row["value"] for row in over_http if (row["kpi"], row["scope"]) == ("fallback_rate", "jobs")
    ] == [0.25]
    assert 'magray_kpi_fallback_rate{scope="jobs"} 0.25' in metrics
    assert float(shown["fallback_rate", "jobs"]) == 0.25


def test_pg_crons_own_history_is_kept_short(cron_db: Connection[Any]) -> None:
    call(cron_db, "set_job", name="heartbeat", cron="1 seconds")
    reconcile(cron_db)
    until_true(lambda: value(cron_db, "select count(end_time) from cron.job_run_details") >= 2)
    cron_db.execute("update cron.job_run_details set end_time = end_time - interval '4 days'")
    with cron_db.transaction():
        cron_db.execute("set local role memory_operator")
        told = call(cron_db, "purge_job_runs")
    (row,) = (row for row in told if row["source"] == "cron.job_run_details")
    assert row["runs"] >= 2


def test_migrating_a_server_that_has_pg_cron_prepares_it(cron_url: str) -> None:
    with session(cron_url) as db:
        assert value(db, "select count(*) from pg_extension where extname = 'pg_cron'") == 1
        assert value(db, "select rolcanlogin from pg_roles where rolname = 'memory_operator'")
        (settings,) = rows(
            db,
            "select setconfig from pg_db_role_setting"
            " where setrole = 'memory_operator'::regrole and setdatabase = 0",
        )
        assert sorted(settings["setconfig"]) == ["lock_timeout=200ms", "statement_timeout=5min"]
        assert (
            value(db, "select value #>> '{}' from memory_data.setting where key = 'cron_timezone'")
            == "GMT"
        )
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        session(cron_url, "memory_app") as app,
    ):
        app.execute("select * from cron.job")
