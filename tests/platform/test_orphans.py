"""However a service ends, no PostgreSQL is left that nobody uses."""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING

import pytest

from service.core.embedded import EmbeddedServer, guard
from service.core.embedded.postmaster import living, processes
from tests.restore.test_faults_disk import small_disk
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = str(Path(sys.executable).with_name("magray"))
TERM, INT, HUP, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL


class Place:
    """A data directory, and services on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.server = EmbeddedServer(path / "data")
        self.log = path / "log"

    @contextmanager
    def starting(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program that has just been started, in a session of its own; it ends in the block."""
        clean = {name: value for name, value in os.environ.items() if name[:7] != "MAGRAY_"}
        more = {
            "MAGRAY_DATA_DIR": str(self.path / "data"),
            "MAGRAY_PORT": "0",
            "MAGRAY_EMBEDDING__PROVIDER": "none",
        }
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [PROGRAM, *(command or ["serve"])],
                cwd=self.path,
                env={**clean, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
            process.wait(120)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.log.read_text(), f"{text} in {self.log}", pause=0.01)

    def is_empty(self) -> bool:
        """No process of the cluster is there."""
        return not processes(self.server._site)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A place whose database is made already."""
    with tempfile.TemporaryDirectory(prefix="magray-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        made = Place(Path(name))
        with made.starting() as process:
            made.wait_for("serves on")
            process.send_signal(TERM)
        assert process.returncode == 0, made.log.read_text()
        assert made.is_empty()
        yield made


def send(process: subprocess.Popen[bytes], numbers: tuple[Signals, ...]) -> None:
    """Send signals 10 ms apart, as long as there is a process."""
    for number in numbers:
        with suppress(ProcessLookupError):
            process.send_signal(number)
        time.sleep(0.01)


def comes_to(place: Place, moment: str) -> None:
    """Wait until a start has come so far."""
    if moment == "starting":
        until(lambda: living(place.server._site) is not None, "PostgreSQL starts", pause=0.01)
    else:
        place.wait_for(moment)


MOMENTS = ("starting", "embedded_postgres_ready", "migrated", "serves on")
SIGNALS = {
    "two TERM": (TERM, TERM),
    "three INT": (INT, INT, INT),
    "HUP and TERM": (HUP, TERM),
    "KILL": (KILL,),
}


def begin_and_send(place: Place, moment: str, pause: float, numbers: tuple[Signals, ...]) -> None:
    """Start a service, send it signals at a moment of that, and see what is left of it."""
    with place.starting() as process:
        comes_to(place, moment)
        time.sleep(pause)
        send(process, numbers)
    if KILL not in numbers:
        assert process.returncode == 0, place.log.read_text()
        assert place.is_empty()
    until(place.is_empty, f"nothing is left, {numbers} {pause} s after {moment}")


@pytest.mark.parametrize(
    ("moment", "told"),
    [("starting", "two TERM"), ("serves on", "HUP and TERM"), ("embedded_postgres_ready", "KILL")],
)
def test_signals_in_the_midst_of_a_start_leave_nothing(
    place: Place, moment: str, told: str
) -> None:
    begin_and_send(place, moment, 0, SIGNALS[told])


@pytest.mark.full
@pytest.mark.parametrize("told", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_signals_at_any_moment_of_a_start_leave_nothing(
    place: Place, moment: str, told: str
) -> None:
    for _ in range(3):
        begin_and_send(place, moment, random.uniform(0, 0.6), SIGNALS[told])


@pytest.mark.full
def test_a_service_that_is_killed_while_it_stops_leaves_nothing(place: Place) -> None:
    for seconds in (0.0, 0.1, 0.3):
        with place.starting() as process:
            place.wait_for("serves on")
            send(process, (TERM,))
            time.sleep(seconds)
            send(process, (KILL,))
        until(place.is_empty, f"nothing is left, killed {seconds} s after it was told to stop")


def test_a_killed_service_leaves_the_server_to_who_else_uses_it(place: Place) -> None:
    with place.starting() as process:
        place.wait_for("serves on")
        place.server.start()
        process.kill()
    time.sleep(2.5)  # more than two looks of the guard
    assert place.server.is_running
    place.server.stop()
    assert place.is_empty()


@pytest.mark.full
@pytest.mark.parametrize("command", [("jobs",), ("psql", "-c", "select pg_sleep(60)")])
def test_other_commands_that_are_killed_leave_nothing(
    place: Place, command: tuple[str, ...]
) -> None:
    with place.starting(*command) as process:
        until(lambda: place.server.is_running, "PostgreSQL runs")
        os.killpg(process.pid, KILL)
    until(place.is_empty, "nothing is left")


@pytest.mark.parametrize(
    "megabytes",
    [50, *(pytest.param(size, marks=pytest.mark.full) for size in (30, 40, 44, 56, 60))],
)
def test_a_start_on_a_disk_that_is_too_small_leaves_nothing(megabytes: int, root: None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="magray-test-"))
    folder.chmod(0o755)
    try:
        with small_disk(folder / "data", megabytes, folder):
            place = Place(folder)
            with place.starting() as process:
                pass
            assert process.returncode == 69, place.log.read_text()
            until(place.is_empty, "nothing is left")
            told = place.log.read_text()
            assert "No space left on device" in told
            assert "could not be made" in told or "There is no space for the database" in told
            assert re.search("try: df -h", told), told
    finally:
        shutil.rmtree(folder)


def test_a_server_that_ended_before_its_guard_looked_is_not_searched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started it waits for the guard, too: a failed start would take that much longer."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{2**31 - 1}\n"))
    monkeypatch.setattr(guard, "_found", lambda _: pytest.fail("its starter has told"))
    guard.guard(tmp_path, -1, -1)
