"""The embedded server after kill -9: nothing acknowledged is lost, and it starts again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from service.core.embedded import postmaster
from service.core.embedded.account import account_for

if TYPE_CHECKING:
    from service.core.embedded import EmbeddedServer

Make = "Callable[..., EmbeddedServer]"


def kill_postmaster(server: EmbeddedServer) -> None:
    found = postmaster.read_pid_file(server.pgdata)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)


def insert_until_it_breaks(url: str, acknowledged: list[int]) -> None:
    number = 0
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            while True:
                number += 1
                connection.execute("insert into kept values (%s)", [number])
                acknowledged.append(number)
    except psycopg.OperationalError:
        return


def compute_until_it_breaks(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute("do $$ begin loop end loop; end $$")


@pytest.mark.parametrize("by_another_handle", [False, True])
def test_kill_9_under_inserts_loses_no_acknowledged_row(
    make_server: Make, open_dir: Path, *, by_another_handle: bool
) -> None:
    server = make_server(open_dir / "data", durable=True)
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept (number integer primary key)")
    acknowledged: list[int] = []
    clients = [threading.Thread(target=insert_until_it_breaks, args=(server.url(), acknowledged))]
    for client in clients:
        client.start()
    while len(acknowledged) < 300:
        time.sleep(0.01)
    kill_postmaster(server)
    # The second handle finds a zombie: the first one has not asked for its child's end yet.
    after = make_server(open_dir / "data") if by_another_handle else server
    after.start()
    for client in clients:
        client.join()
    with psycopg.connect(after.url()) as connection:
        rows = connection.execute("select number from kept").fetchall()
    kept = {number for (number,) in rows}
    assert set(acknowledged) <= kept
    assert len(kept) - len(acknowledged) <= 1  # at most the row that was in flight


def test_a_computing_orphan_does_not_block_the_start(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "_ORPHAN_PATIENCE", 1.0)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        pid = connection.info.backend_pid
        client = threading.Thread(target=compute_until_it_breaks, args=(connection,))
        client.start()
        with psycopg.connect(server.url(), autocommit=True) as observer:
            query = "select count(*) from pg_stat_activity where pid = %s and state = 'active'"
            while observer.execute(query, [pid]).fetchone() != (1,):
                time.sleep(0.01)
        kill_postmaster(server)
        try:
            server.start()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
            client.join()
    assert server.run("psql", ["-Atc", "select 1"]).stdout == "1\n"


def test_a_pid_file_that_names_another_living_program_is_stale(server: EmbeddedServer) -> None:
    """So it is in a restarted container, where the numbers begin anew."""
    kill_postmaster(server)
    while postmaster.processes(server._site):
        time.sleep(0.02)
    path = server.pgdata / "postmaster.pid"
    _, _, rest = path.read_text().partition("\n")
    account = account_for(server.pgdata)
    with subprocess.Popen(["sleep", "600"], **account.process_options) as sleeper:
        path.write_text(f"{sleeper.pid}\n{rest}")
        for lock in (server.pgdata.parent / "run").glob(".*.lock"):
            _, _, rest = lock.read_text().partition("\n")
            lock.write_text(f"{sleeper.pid}\n{rest}")
        assert not server.is_running
        server.start()
        assert server.is_running
        assert sleeper.poll() is None
        sleeper.kill()


def test_attaching_waits_while_the_server_recovers_from_a_killed_backend(
    server: EmbeddedServer, make_server: Make, open_dir: Path
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
    other = make_server(open_dir / "data")
    other.start()
    assert other.run("psql", ["-Atc", "select 1"]).stdout == "1\n"


def test_who_started_a_server_that_died_does_not_stop_its_successor(
    server: EmbeddedServer, open_dir: Path
) -> None:
    kill_postmaster(server)
    with successor(open_dir) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert server.is_running
        assert not server.started_here
        server.stop()
        assert server.is_running
        other.communicate("stop")
    assert not server.is_running


def test_an_immediate_stop_recovers(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.stop("immediate")
    server.start()
    assert server.run("psql", ["-Atc", "select answer from kept"]).stdout == "42\n"
    assert "automatic recovery in progress" in server.log_file.read_text()


def test_an_interrupted_initdb_leaves_no_half_cluster(make_server: Make, open_dir: Path) -> None:
    draft = open_dir / "data" / "pg.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    server = make_server(open_dir / "data")
    server.start()
    assert server.is_running
    assert not draft.exists()


SUCCESSOR = """
import sys, structlog
from pathlib import Path
from service.core.embedded import EmbeddedServer
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
data_dir, system_dir = map(Path, sys.argv[1:])
server = EmbeddedServer(data_dir, memory=2**27, durable=False, system_dir=system_dir)
server.start()
print(server.started_here, flush=True)
sys.stdin.read()
server.stop()
"""


def successor(open_dir: Path) -> subprocess.Popen[str]:
    """Another process that starts the server, says whether it owns it, and stops it when told."""
    words = [sys.executable, "-c", SUCCESSOR, str(open_dir / "data"), str(open_dir / "system")]
    top = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=top)
