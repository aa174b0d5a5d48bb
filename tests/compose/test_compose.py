"""docker-compose.yml, brought up for real: README and docs/containers.md, backups, crashes.

Needs a Docker engine with compose v2. Without a registry, `tools/docker-base` makes the base image;
`MAGRAY_BASE` names it (`make test-full` does both where an engine runs).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving import serving
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = "".join((ROOT / page).read_text() for page in ("README.md", "docs/containers.md"))
PROJECT = "magray-test"
PORT = "18080"
PASSING = (OSError, AssertionError)  # while a container is away


def engine() -> str | None:
    """Why there is no Docker to test with; None when there is."""
    try:
        for command in (["docker", "info"], ["docker", "compose", "version"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            if done.returncode != 0:
                return done.stderr.strip().splitlines()[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None


MISSING = engine()
pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(MISSING is not None, reason=f"no Docker engine with compose: {MISSING}"),
]


class Compose:
    """The project under a name and a port of the test's own."""

    def __init__(self) -> None:
        self.environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "MAGRAY_PORT": PORT,
            "COMPOSE_FILE": str(ROOT / "docker-compose.yml"),
        }

    def __call__(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, script: str, cwd: Path = ROOT) -> str:
        """What lines of the two pages print, under this project and port."""
        key = self("exec", "-T", "service", "cat", "/secrets/key", check=False).strip()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(":8080", f":{PORT}")],
            cwd=cwd,
            env={**self.environment, "MAGRAY_API_KEY": key},
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inspect(self, service: str, shape: str) -> str:
        """A fact about a service's container."""
        container = self("ps", "--all", "--quiet", service).strip()
        return subprocess.run(
            ["docker", "inspect", "--format", shape, container],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def sql(self, statement: str) -> str:
        return self("exec", "-T", "jobs", "magray", "psql", "-Atc", statement).strip()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        key = self("exec", "-T", "service", "cat", "/secrets/key").strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}{path}",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found


def blocks(containing: str) -> str:
    """The one block of the two pages that has these words."""
    found = re.findall(r"^```sh\n(.*?)^```$", PAGES, re.DOTALL | re.MULTILINE)
    (block,) = [one for one in found if containing in one]
    return str(block)


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    project = Compose()
    project("down", "--volumes", "--remove-orphans")
    try:
        yield project
    finally:
        project("down", "--volumes", "--remove-orphans")


def test_one_command_and_the_lines_of_the_readme_work(compose: Compose) -> None:
    compose.shell(blocks("exec -T service cat").splitlines()[0])
    lines = blocks("I moved to Lisbon in May.").partition("\n")[2]  # the first one is about the key
    stored, found = compose.shell(lines).replace("}{", "}\n{").splitlines()
    assert all(row["has_embedding"] for row in json.loads(stored)["memories"])
    assert json.loads(found)["results"][0]["content"] == "I moved to Lisbon in May."
    assert compose("run", "--rm", "-T", "migrate")  # a second time changes nothing and fails not


@pytest.mark.parametrize("service", ["postgres", "service", "jobs"])
def test_containers_are_confined(compose: Compose, service: str) -> None:
    assert compose("exec", "-T", service, "id", "-u").strip() != "0"
    written = compose("exec", "-T", service, "sh", "-c", "touch /opt/x 2>&1 || true")
    assert "Read-only file system" in written
    facts = json.loads(compose.inspect(service, "{{json .HostConfig}}"))
    assert facts["ReadonlyRootfs"]
    assert facts["CapDrop"] == ["ALL"]
    assert facts["Memory"] > 0
    assert facts["NanoCpus"] > 0
    assert facts["PidsLimit"] > 0
    environment = compose.inspect(service, "{{json .Config.Env}}")
    secrets = compose("exec", "-T", service, "sh", "-c", "cat /secrets/*").split()
    assert len(secrets) == 3
    assert not [one for one in secrets if one in environment]


def test_the_service_has_no_special_rights(compose: Compose) -> None:
    facts = compose.sql(
        "select rolsuper, rolreplication, rolbypassrls from pg_roles where rolname = 'magray'"
    )
    assert facts == "f|f|f"
    users = compose.sql(
        "select distinct usename from pg_stat_activity where application_name ="
        " 'memory_app' or usename = 'magray'"
    )
    assert "magray" in users


def test_pg_cron_runs_the_jobs(compose: Compose) -> None:
    until(
        lambda: compose.sql("select runner from memory.jobs where name = 'heartbeat'") == "pg_cron",
        "a heartbeat of pg_cron",
        passing=PASSING,
    )
    assert compose.sql("select runner from memory.job_runner()") == "pg_cron"


def test_backups_are_taken_and_proved(compose: Compose) -> None:
    made = json.loads(compose("exec", "-T", "jobs", "magray", "backup", "full", "--json"))
    assert made["kind"] == "full"
    proof = json.loads(compose("exec", "-T", "jobs", "magray", "backup", "drill", "--json"))
    assert proof["chain"] == [made["id"]]
    assert compose("exec", "-T", "jobs", "sh", "-c", "ls /wal/*/00000001").strip()
    assert "WRONG" not in compose("exec", "-T", "jobs", "magray", "check")


@pytest.mark.parametrize("victim", ["service", "jobs", "postgres"])
def test_a_killed_container_comes_back_and_nothing_is_lost(compose: Compose, victim: str) -> None:
    content = f"Written before {victim} was killed."
    stored = compose.post("/v1/memories", {"memories": [{"namespace": "k", "content": content}]})
    before = compose.inspect(victim, "{{.State.StartedAt}}")
    # the process itself: `docker kill` would mean that somebody wanted it so
    os.kill(int(compose.inspect(victim, "{{.State.Pid}}")), signal.SIGKILL)
    until(
        lambda: compose.inspect(victim, "{{.State.StartedAt}}") != before,
        "a new start",
        passing=PASSING,
    )
    until(
        lambda: compose.inspect(victim, "{{.State.Health.Status}}") == "healthy",
        "health",
        passing=PASSING,
    )
    until(
        lambda: (
            stored["memories"][0]["id"]
            in [
                row["id"]
                for row in compose.post("/v1/search", {"namespace": "k", "query": victim})[
                    "results"
                ]
            ]
        ),
        "what was written before",
        passing=PASSING,
    )
    assert compose.post(
        "/v1/memories", {"memories": [{"namespace": "k", "content": f"And after {victim}."}]}
    )["memories"][0]["created"]


def test_settings_and_secrets_of_ones_own(compose: Compose) -> None:
    settings, secret = ROOT / "magray.env", ROOT / "webhook-secret"
    assert not settings.exists()
    secret.write_text("s3cret")
    try:
        compose.shell(blocks("webhook-secret"))
        assert compose("exec", "-T", "jobs", "cat", "/secrets/webhook-secret") == "s3cret"
        told = compose("exec", "-T", "jobs", "printenv", "MAGRAY_ALERTS__WEBHOOK_URL")
        assert told == "https://example.org/alerts\n"
        kept = "select value from memory_data.setting where key = 'alert_channels'"
        assert json.loads(compose.sql(kept)) == ["log", "webhook"]
    finally:
        settings.unlink(missing_ok=True)
        secret.unlink()
        compose("up", "--detach", "--wait")


def test_the_data_of_make_serve_moves_in(compose: Compose) -> None:
    compose("down", "--volumes")
    moving = blocks("restore --promote --into moved").splitlines()
    with serving() as service:
        service.shell(blocks("I moved to Lisbon in May."))
        for line in moving[:3]:
            service.shell(line)
        compose.shell("\n".join(moving[3:]), cwd=service.folder)
    found = compose.post("/v1/search", {"namespace": "ann", "query": "Where does Ann live?"})
    assert found["results"][0]["content"] == "I moved to Lisbon in May."
    assert compose.sql("select count(*) from memory.records") == "2"
    until(
        lambda: compose.sql("select runner from memory.jobs where name = 'heartbeat'") == "pg_cron",
        "a heartbeat of pg_cron",
        passing=PASSING,
    )
