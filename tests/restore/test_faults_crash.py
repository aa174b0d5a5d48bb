"""The server, or the whole directory, is gone: what was acknowledged is not."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from jobs.backup.stream import stream
from jobs.backup.target import Target
from tests.restore.places import NAMESPACE, Place, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

WRITERS = 3


class Writers:
    """Sessions that store memories as fast as they can, and note what was acknowledged."""

    def __init__(self, url: str, round_number: int) -> None:
        self.acked: dict[str, float] = {}  # id → when
        self._url = url
        self._round = round_number
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _run(self, writer: int) -> None:
        number = 0
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._stop.is_set():
                    number += 1
                    content = f"{self._round}/{writer}/{number}"
                    row = connection.execute(
                        "select id from memory.remember(%s, %s)", (NAMESPACE, content)
                    ).fetchone()
                    assert row
                    self.acked[str(row[0])] = time.monotonic()
        except psycopg.OperationalError:
            return

    def wait_for(self, number: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.acked) < number:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _postmaster(place: Place) -> int:
    return int((place.server.pgdata / "postmaster.pid").read_text().split()[0])


def _kill_and_compare(place: Place, rounds: int) -> None:
    acked: set[str] = set()
    for number in range(rounds):
        writers = Writers(place.server.url(), number)
        writers.wait_for(30)
        os.kill(_postmaster(place), signal.SIGKILL)
        writers.end()
        acked |= writers.acked.keys()
        place.server.start()
        found = set(place.state())
        assert acked <= found, f"lost in round {number}: {len(acked - found)}"


def test_fault_03_the_postmaster_killed_under_writers(make_place: Callable[..., Place]) -> None:
    _kill_and_compare(_durable(make_place()), 2)


@pytest.mark.drill
@pytest.mark.timeout(3600)
def test_fault_03_twenty_times(make_place: Callable[..., Place]) -> None:
    _kill_and_compare(_durable(make_place()), 20)


def _durable(place: Place) -> Place:
    place.server.stop()
    place.server = place.new_server(durable=True)
    place.server.start()
    return place


@pytest.mark.full
def test_the_whole_directory_is_lost(make_place: Callable[..., Place]) -> None:
    _lose_everything(make_place(), seconds=2)


@pytest.mark.drill
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("round_number", range(5))
def test_the_whole_directory_is_lost_five_times(
    make_place: Callable[..., Place], round_number: int
) -> None:
    """At most one second is lost."""
    _lose_everything(make_place(f"round-{round_number}"), seconds=1)


def _lose_everything(place: Place, seconds: float) -> None:
    """Everything up to the last archived WAL comes back; with the stream, up to `seconds` ago."""
    place.take("full")
    asked = threading.Event()
    system = place.sql("select system_identifier::text from pg_control_system()")[0][0]
    receiver = threading.Thread(
        target=stream,
        args=(place.repository, place.server.url(), system, place.server.home, asked.is_set),
    )
    receiver.start()
    try:
        writers = Writers(place.server.url(), 0)
        writers.wait_for(50)
        first = max(writers.acked.values())
        while max(writers.acked.values()) < first + 2 * seconds:
            time.sleep(0.01)
        killed = time.monotonic()
        os.kill(_postmaster(place), signal.SIGKILL)
        writers.end()
    finally:
        asked.set()
        receiver.join()
    shutil.rmtree(place.server.pgdata)
    sure = {one for one, at in writers.acked.items() if at < killed - seconds}
    assert len(sure) >= 50
    place.restore(Target(latest=True))
    found = set(state_of(place.folder / "restored", place.folder))
    assert sure <= found, f"lost: {len(sure - found)} of {len(sure)}"

    shutil.rmtree(place.server.home / "wal-stream")
    place.restore(Target(latest=True), into="archive-only")
    archived = set(state_of(place.folder / "archive-only", place.folder))
    assert archived <= found
