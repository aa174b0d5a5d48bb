"""Starting, stopping and killing the service: what was acknowledged is there afterwards."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.program import Home, Service

WRITERS = 4


@contextmanager
def writers(service: Service, acknowledged: list[str], *, enough: int) -> Iterator[None]:
    """Threads that write memories one by one until the service is gone.

    The block runs once `enough` were acknowledged; the ids stand in a list of this process, outside
    of everything that is killed.
    """
    going, many = threading.Event(), threading.Event()
    going.set()

    def write(number: int) -> None:
        with service.client() as client:
            while going.is_set():
                memory = {
                    "namespace": f"writer {number}",
                    "content": f"{service.process.pid} {number} {len(acknowledged)}",
                }
                try:
                    answer = client.post("/v1/memories", json={"memories": [memory]})
                except httpx2.TransportError:
                    return
                if answer.status_code != 201:
                    assert answer.status_code == 503, answer.text
                    return
                acknowledged.append(answer.json()["memories"][0]["id"])
                if len(acknowledged) >= enough:
                    many.set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        assert many.wait(60)
        yield
    finally:
        going.clear()
        for thread in threads:
            thread.join(60)


def stored(service: Service) -> set[str]:
    """The ids of everything the service has."""
    found: set[str] = set()
    with service.client() as client:
        for number in range(WRITERS):
            params: dict[str, str | int] = {"namespace": f"writer {number}", "limit": 1000}
            while True:
                page = client.get("/v1/memories", params=params).json()
                found.update(memory["id"] for memory in page["memories"])
                if page["cursor"] is None:
                    break
                params["cursor"] = page["cursor"]
    return found


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def postmaster(home: Home) -> int:
    """The process id of the embedded server."""
    return int(home.psql("select pg_read_file('postmaster.pid')").split()[0])


@pytest.mark.timeout(600)
def test_a_stop_is_clean_and_the_next_start_finds_everything(home: Home) -> None:
    acknowledged: list[str] = []
    key = None
    for number in (signal.SIGINT, signal.SIGTERM):
        service = home.serve()
        assert key in {None, service.key}  # the first key stays, and is shown once
        assert (service.key in service.greeting) == (key is None)
        key = service.key
        assert set(acknowledged) == stored(service)
        pid = postmaster(home)
        with writers(service, acknowledged, enough=len(acknowledged) + 100):
            assert service.stop(number) == 0
        assert not running(pid)
    logged = service.log.read_text()
    assert key is not None
    assert key not in logged
    assert "writer" not in logged
    for line in logged.splitlines():
        json.loads(line)


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_when_everything_is_killed(home: Home) -> None:
    acknowledged: list[str] = []
    service = home.serve()
    acknowledged += stored(service)
    with writers(service, acknowledged, enough=len(acknowledged) + 300):
        service.process.kill()
    assert service.wait() == -signal.SIGKILL

    # the server went on; this start attaches to it and takes over the duty to stop it
    service = home.serve()
    assert set(acknowledged) <= stored(service)
    pid = postmaster(home)
    with writers(service, acknowledged, enough=len(acknowledged) + 300):
        os.kill(pid, signal.SIGKILL)
    with service.client() as client:
        assert client.get("/health/live").status_code == 200
    assert service.stop() == 0

    service = home.serve()
    try:
        assert set(acknowledged) <= stored(service)
    finally:
        assert service.stop() == 0
    assert len(acknowledged) >= 600
