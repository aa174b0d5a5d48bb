"""A restored clone on a real pg_cron, in a cluster of the test's own beside Debian's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from service.core.embedded.launch import HELD_BACK_OPTIONS
from tests.schedule.conftest import until_true

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = "/usr/lib/postgresql/18/bin"
CONF = """
listen_addresses = ''
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
fsync = off
"""
PATIENCE = 20  # looks at a clone that must stay quiet


class Debian:
    """Clusters in a folder of Debian's root, run as its user postgres."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = Path(tempfile.mkdtemp(prefix="clone-", dir=root / "var/lib/postgresql"))
        self.inside = Path("/") / self.folder.relative_to(root)
        told = (root / "var/lib/postgresql").stat()
        os.chown(self.folder, told.st_uid, told.st_gid)

    def run(self, program: str, *arguments: str) -> None:
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        subprocess.run(
            ["chroot", str(self.root), *as_postgres, f"{BIN}/{program}", *arguments],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def start(self, name: str, **options: str) -> str:
        """Start a cluster; its URL."""
        words = [f"-c {key}={value}" for key, value in options.items()]
        socket = f"-c unix_socket_directories={self.inside}"
        self.run(
            "pg_ctl",
            "-D",
            f"{self.inside}/{name}",
            "-l",
            f"{self.inside}/{name}.log",
            "-o",
            " ".join([socket, *words]),
            "-w",
            "start",
        )
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def stop(self, name: str) -> None:
        self.run("pg_ctl", "-D", f"{self.inside}/{name}", "-m", "immediate", "-w", "stop")


@pytest.fixture
def debian() -> Iterator[Debian]:
    url = os.environ.get("MAGRAY_DEBIAN_DATABASE_URL")
    if url is None:
        pytest.skip("needs pg_cron: make test-full starts a server that has it")
    host = str(psycopg.conninfo.conninfo_to_dict(url)["host"])
    made = Debian(Path(host.removesuffix("/run/postgresql")))
    yield made
    for pid in made.folder.glob("*/postmaster.pid"):
        made.stop(pid.parent.name)
    shutil.rmtree(made.folder)


@pytest.mark.full
def test_fault_29_a_clone_with_pg_cron_runs_no_jobs(debian: Debian) -> None:
    """Its jobs are there and due every second; until it is released none of them runs."""
    debian.run("initdb", "-D", f"{debian.inside}/source", "--auth=trust")
    with (debian.folder / "source/postgresql.conf").open("a") as conf:
        conf.write(CONF)
    url = debian.start("source")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("create extension pg_cron")
        db.execute("create table ran (at timestamptz)")
        db.execute("select cron.schedule('j', '1 second', 'insert into ran values (now())')")
        until_true(lambda: _runs(db))
    debian.run("pg_basebackup", "-D", f"{debian.inside}/clone", "-h", str(debian.inside))
    debian.stop("source")

    with psycopg.connect(debian.start("clone", **HELD_BACK_OPTIONS), autocommit=True) as db:
        before = _runs(db)
        assert before
        until_true(
            lambda: _value(
                db, "select true from pg_stat_activity where backend_type = 'pg_cron launcher'"
            )
        )
        for _ in range(PATIENCE):
            db.execute("select pg_sleep(0.25)")
            assert _runs(db) == before
        assert _value(db, "show archive_mode") == "off"
    debian.stop("clone")

    with psycopg.connect(debian.start("clone"), autocommit=True) as db:
        until_true(lambda: _runs(db) > before)


def _runs(db: psycopg.Connection[tuple[object, ...]]) -> int:
    return int(str(_value(db, "select count(*) from ran")))


def _value(db: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = db.execute(query.encode()).fetchone()
    return row and row[0]
