"""PostgreSQL, service and jobs as programs of their own, over TCP and by password."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from service.core.database import without_password
from tests.cli.program import PATIENCE, PROGRAM, Home
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def begin(home: Home, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
    log = home.path / f"{arguments[0]}-{time.monotonic_ns()}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=home.path,
            env=home.environment,
            text=True,
            stdout=errors,
            stderr=errors,
        )
    home.started.append(process)
    return process, log


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def postgres(home: Home, port: int) -> subprocess.Popen[str]:
    """`magray postgres` with its WAL archived beside it."""
    place = Home(home.path, {"MAGRAY_BACKUP__WAL_DIRECTORY": str(home.path / "wal")})
    (home.path / "secrets").mkdir(mode=0o700)
    arguments = ("--listen", "127.0.0.1", "--port", str(port), "--secrets", "secrets")
    process, log = begin(place, "postgres", *arguments)
    home.started.append(process)  # which has a list of its own
    until(lambda: "open to the network" in log.read_text(), "it begins")
    return process


def reached(home: Home, port: int, login: str, **more: str) -> Home:
    """A place from which the database is reached by password."""
    secret = "postgres_password" if login == "postgres" else "magray_password"
    return Home(
        home.path,
        {
            "MAGRAY_DATABASE_URL": f"postgresql://{login}@127.0.0.1:{port}/magray",
            "MAGRAY_DATABASE_PASSWORD_FILE": str(home.path / "secrets" / secret),
            **more,
        },
    )


@pytest.fixture(scope="module")
def admin(home: Home, port: int, postgres: subprocess.Popen[str]) -> Home:
    """Where migrations and backups are run; the database is migrated."""
    del postgres
    made = reached(
        home,
        port,
        "postgres",
        MAGRAY_DATA_DIR=str(home.path / "work"),
        MAGRAY_BACKUP__DIRECTORY=str(home.path / "repository"),
        MAGRAY_BACKUP__WAL_DIRECTORY=str(home.path / "wal"),
    )
    made.run("migrate", "--secrets", "secrets")
    return made


def test_secrets_are_made_once_and_private(admin: Home) -> None:
    folder = admin.path / "secrets"
    names = ("key", "magray_password", "postgres_password")
    before = [(folder / name).read_text() for name in names]
    assert len(set(before)) == 3
    assert {(folder / name).stat().st_mode & 0o777 for name in names} == {0o600}
    admin.run("migrate", "--secrets", "secrets")
    assert [(folder / name).read_text() for name in names] == before


def test_nobody_comes_in_without_the_password(admin: Home, port: int) -> None:
    for login in ("postgres", "magray"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://{login}:wrong@127.0.0.1:{port}/magray")
    wrong = Home(admin.path, {**admin.more, "MAGRAY_DATABASE_PASSWORD_FILE": "missing"})
    told = wrong.run("psql", "-c", "select 1", code=78).stderr
    assert "database_password_file cannot be read" in told


def test_service_and_jobs_work_apart(home: Home, admin: Home, port: int) -> None:
    key = (home.path / "secrets" / "key").read_text().strip()
    jobs, log = begin(admin, "jobs")
    service = reached(home, port, "magray", MAGRAY_JOBS="false").serve()
    with service.client(key) as client:
        memory = {"namespace": "n", "content": "stored over the network"}
        stored = client.post("/v1/memories", json={"memories": [memory]})
        assert stored.status_code == 201
        found = client.post("/v1/search", json={"namespace": "n", "query": "network"}).json()
        assert found["results"][0]["content"] == memory["content"]
        refused = client.post("/v1/backups", json={"kind": "full"})
        assert refused.status_code == 404
        assert "magray jobs" in refused.json()["detail"]
        assert client.get("/health/ready").status_code == 200
    until(
        lambda: admin.psql("select runner from memory.jobs where name = 'heartbeat'") == "service",
        "a heartbeat",
    )
    # the service itself ran none: it only answers
    assert "runs the jobs" in log.read_text()
    assert "runs the jobs" not in service.log.read_text()
    assert service.stop() == 0
    jobs.send_signal(signal.SIGTERM)
    assert jobs.wait(PATIENCE) == 0
    assert "Traceback" not in log.read_text()


def test_backups_are_taken_over_the_network(admin: Home) -> None:
    key = admin.path / "backup.key"
    key.write_bytes(bytes(range(32)))
    keyed = Home(admin.path, {**admin.more, "MAGRAY_BACKUP__KEY_FILE": str(key)})
    made = json.loads(keyed.run("backup", "full", "--json").stdout)
    assert made["kind"] == "full"
    keyed.run("backup", "verify")
    # a key that is not at hand damages nothing
    assert "is not at hand" in admin.run("backup", "verify", code=56).stdout
    proof = json.loads(keyed.run("backup", "drill", "--json").stdout)
    assert proof["chain"] == [made["id"]]


def test_a_database_of_somebody_else_is_not_opened(admin: Home) -> None:
    told = admin.run("postgres", "--secrets", "secrets", code=78).stderr
    assert "unset MAGRAY_DATABASE_URL" in told


def test_the_end_of_the_server_is_the_end_of_the_program(
    home: Home, admin: Home, postgres: subprocess.Popen[str]
) -> None:
    del admin
    (child,) = [one for one in psutil.Process(postgres.pid).children() if "postgres" in one.name()]
    child.kill()
    assert postgres.wait(PATIENCE) != 0
    (log,) = home.path.glob("postgres-*.log")
    assert "PostgreSQL has ended by itself" in log.read_text()


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        ("postgresql://u:p%40ss@h:5/d?sslmode=require", {"PGPASSWORD": "p@ss"}),
        ("host=h user=u password='p@ss'", {"PGPASSWORD": "p@ss"}),
        ("postgresql://u@/d?host=%2Ftmp", {}),
    ],
)
def test_a_command_line_has_no_password(url: str, environment: dict[str, str]) -> None:
    shown, hidden = without_password(url)
    assert hidden == environment
    assert "p@ss" not in shown
    assert "password" not in shown
