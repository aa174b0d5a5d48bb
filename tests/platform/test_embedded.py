"""The embedded server: start, attach, stop, its settings and the errors a person meets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from service.core.embedded.account import account_for
from service.core.errors import PlatformError

if TYPE_CHECKING:
    from service.core.embedded import EmbeddedServer

Make = "Callable[..., EmbeddedServer]"


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_a_second_start_finds_the_data_of_the_first(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url()) as connection:
        connection.execute("create table kept as select 42 as answer")
    server.start()  # idempotent
    server.stop()
    assert not server.is_running
    server.stop()  # idempotent
    server.start()
    assert server.is_running
    assert ask(server, "select answer from kept") == 42


def test_what_runs_is_what_was_promised(server: EmbeddedServer) -> None:
    expected = {
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "shared_buffers": "32MB",
        "archive_mode": "on",
        "summarize_wal": "on",
        "wal_level": "replica",
        "max_wal_size": "4GB",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_locks_per_transaction": "256",
        "TimeZone": "UTC",
        "track_io_timing": "on",
        "shared_preload_libraries": "pg_prewarm",
        "fsync": "off",
    }
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute(
            "select name, current_setting(name) from pg_settings where name = any(%s)",
            [list(expected)],
        ).fetchall()
        assert dict(rows) == expected
        wrong = connection.execute(
            "select name, error from pg_file_settings where error is not null"
        ).fetchall()
        assert wrong == []
        connection.execute("create extension vector")


def test_text_search_takes_quotes_and_dashes_for_no_letters(server: EmbeddedServer) -> None:
    found = ask(
        server,
        "select to_tsvector('russian', 'Привет «Миру» — “Москва”')"
        " @@ to_tsquery('russian', 'мир & москве')",
    )
    assert found is True


def test_every_directory_is_private_to_the_servers_user(
    server: EmbeddedServer, open_dir: Path
) -> None:
    owner = account_for(server.pgdata).uid
    for name in ("pg", "log", "wal-archive", "run"):
        status = (open_dir / "data" / name).stat()
        assert (name, status.st_mode & 0o777, status.st_uid) == (name, 0o700, owner)
    assert server.log_file.parent == open_dir / "data" / "log"
    assert "ready to accept connections" in server.log_file.read_text()


def test_a_durable_server_cannot_be_talked_out_of_fsync(make_server: Make, open_dir: Path) -> None:
    server = make_server(open_dir / "data", durable=True)
    server.start()
    (server.pgdata / "user.conf").write_text("fsync = off\nwork_mem = '5MB'\n")
    (server.pgdata / "user.conf").chmod(0o644)
    server.stop()
    server.start()
    assert ask(server, "show fsync") == "on"
    assert ask(server, "show work_mem") == "5MB"


def test_a_second_handle_attaches_and_its_stop_changes_nothing(
    server: EmbeddedServer, make_server: Make, open_dir: Path
) -> None:
    other = make_server(open_dir / "data")
    other.start()
    assert (server.started_here, other.started_here) == (True, False)
    assert other.url() == server.url()
    other.stop()
    assert server.is_running
    other.stop(force=True)
    assert not server.is_running


def test_the_last_one_out_stops_the_server_whoever_started_it(
    server: EmbeddedServer, make_server: Make, open_dir: Path
) -> None:
    other = make_server(open_dir / "data")
    other.start()
    server.stop()
    assert other.is_running
    other.stop()
    assert not other.is_running


def test_who_attached_before_the_starter_died_stops_the_server(
    make_server: Make, open_dir: Path
) -> None:
    program = starter(open_dir, open_dir / "system")
    assert said(program) == "started"
    heir = make_server(open_dir / "data")
    heir.start()
    assert not heir.started_here
    program.kill()
    program.communicate()
    assert heir.is_running
    heir.stop()
    assert not heir.is_running


def test_two_starts_at_once_make_one_server(make_server: Make, open_dir: Path) -> None:
    programs = [starter(open_dir, open_dir / "system") for _ in range(3)]
    assert sorted(map(said, programs)) == ["attached", "attached", "started"]
    server = make_server(open_dir / "data")
    assert server.is_running
    postmasters = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(server.pgdata) in (process.info["cmdline"] or [])
    ]
    assert len(postmasters) == 1
    for program in programs:
        program.communicate()
        assert program.returncode == 0


def test_it_is_found_without_the_right_to_look_into_processes(
    server: EmbeddedServer, open_dir: Path, root: None
) -> None:
    """Docker takes CAP_SYS_PTRACE from root; then /proc/PID/cwd cannot be read."""
    limited = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    program = starter(open_dir, open_dir / "system", prefix=limited)
    assert said(program) == "attached"
    program.communicate()
    assert program.returncode == 0
    assert server.is_running


def test_programs_run_connected_and_as_the_right_user(
    server: EmbeddedServer, open_dir: Path
) -> None:
    done = server.run("psql", ["-Atc", "select current_database(), current_user"])
    assert done.stdout == "magray|postgres\n"
    backup = server.wal_archive / "base"
    server.run("pg_basebackup", ["-D", str(backup), "-c", "fast", "--no-sync"])
    assert (backup / "backup_manifest").stat().st_uid == server.pgdata.stat().st_uid
    script = open_dir / "mine.sql"
    script.write_text("select 'read';\n")
    script.chmod(0o600)
    assert server.run("psql", ["-Atf", str(script)], as_caller=True).stdout == "read\n"
    with pytest.raises(PlatformError, match="exit code 1") as failed:
        server.run("psql", ["-v", "ON_ERROR_STOP=1", "-c", "select nonsense"])
    assert "nonsense" in failed.value.detail
    with pytest.raises(PlatformError, match="no program"):
        server.run("pg_nothing")


def test_another_major_version_is_refused(server: EmbeddedServer) -> None:
    server.stop()
    (server.pgdata / "PG_VERSION").write_text("17\n")
    with pytest.raises(PlatformError, match="made by PostgreSQL 17, this is PostgreSQL 18"):
        server.start()
    assert (server.pgdata / "global" / "pg_control").exists()


def test_a_wrong_setting_is_named_and_can_be_corrected(server: EmbeddedServer) -> None:
    server.stop()
    own = server.pgdata / "user.conf"
    own.write_text("nonsense_setting = 1\n")
    own.chmod(0o644)
    with pytest.raises(PlatformError) as refused:
        server.start()
    assert "nonsense_setting" in refused.value.detail
    assert "user.conf" in refused.value.hint
    own.unlink()
    server.start()
    assert server.is_running


def test_a_directory_with_something_else_in_it_is_left_alone(
    make_server: Make, open_dir: Path
) -> None:
    foreign = open_dir / "data" / "pg"
    foreign.mkdir(parents=True)
    (foreign / "thesis.txt").write_text("precious")
    with pytest.raises(PlatformError, match="is not empty"):
        make_server(open_dir / "data").start()
    assert (foreign / "thesis.txt").read_text() == "precious"


def test_a_data_directory_that_cannot_be_made_is_named(make_server: Make, open_dir: Path) -> None:
    (open_dir / "file").write_text("")
    server = make_server(open_dir / "file" / "data")
    with pytest.raises(PlatformError, match="cannot be made"):
        server.start()
    (open_dir / "file").unlink()  # so that the fixture can ask whether it runs


def test_a_normal_user_is_told_whose_database_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PlatformError, match="belongs to another user"):
        account_for(tmp_path)


STARTER = """
import sys
from pathlib import Path
from service.core.embedded import EmbeddedServer
data_dir, system_dir = map(Path, sys.argv[1:])
server = EmbeddedServer(data_dir, memory=2**27, durable=False, system_dir=system_dir)
server.start()
print("started" if server.started_here else "attached", flush=True)
sys.stdin.read()
"""


def starter(
    open_dir: Path, system_dir: Path, prefix: list[str] | None = None
) -> subprocess.Popen[str]:
    """Another process that starts or attaches, says which, and ends without stopping when told."""
    words = [sys.executable, "-c", STARTER, str(open_dir / "data"), str(system_dir)]
    top, pipe = Path(__file__).parents[2], subprocess.PIPE
    return subprocess.Popen([*(prefix or []), *words], stdin=pipe, stdout=pipe, text=True, cwd=top)


def said(program: subprocess.Popen[str]) -> str:
    """The last line before it waits: of a log first, where structlog prints there."""
    assert program.stdout is not None
    for line in program.stdout:
        if line.strip() in ("started", "attached"):
            return line.strip()
    raise AssertionError("it ended")
