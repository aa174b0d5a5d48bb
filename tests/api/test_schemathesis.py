"""Requests made from the OpenAPI document, and every answer held against it, by schemathesis.

The service runs in a thread of this process, behind a real HTTP server, so that the requests of
one run share one pool, one cache and one event loop as in production. Schemathesis itself runs as
its own program, with all its phases: examples, boundary values, random ones, and chains of requests
that use each other's answers. Runs are deterministic: the same code is asked the same questions.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from tests.api.running import bearer, running, until
from tests.conftest import DIM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMESPACE = "fuzzed"


@dataclass
class Server:
    """Where the service listens, the key for it, and memories that are there."""

    base: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)


@contextmanager
def serving(url: str) -> Iterator[Server]:
    """The service on a port of its own, in a thread of its own."""
    found = Server()
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with running(url) as service:
            found.headers = bearer(await service.key(NAMESPACE))
            memories = [
                {
                    "namespace": NAMESPACE,
                    "content": f"{kind} {n}",
                    "kind": kind,
                    "embedding": [1.0] + [0.0] * (DIM - 1),
                }
                for kind in ("recent_query", "snippet", "core_concept")
                for n in range(10)
            ]
            stored = await service.http.post(
                "/v1/memories", json={"memories": memories}, headers=found.headers
            )
            found.ids = [row["id"] for row in stored.json()["memories"]]
            config = uvicorn.Config(
                service.app, port=0, lifespan="off", log_config=None, access_log=False
            )
            server = uvicorn.Server(config)
            task = asyncio.create_task(server.serve())

            async def started() -> bool:
                return server.started

            await until(started)
            port = server.servers[0].sockets[0].getsockname()[1]
            found.base = f"http://127.0.0.1:{port}"
            ready.set()
            await asyncio.to_thread(done.wait)
            server.should_exit = True
            await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="service")
    thread.start()
    try:
        assert ready.wait(30)
        yield found
    finally:
        done.set()
        thread.join(30)


@pytest.fixture(scope="module")
def server(clone: Callable[[], str]) -> Iterator[Server]:
    with serving(clone()) as found:
        yield found


def ask(server: Server, folder: Path, *options: str) -> None:
    """Run schemathesis with every check it has; its report is the message of a failure."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "MAGRAY_FUZZ_NAMESPACE": NAMESPACE,
        "MAGRAY_FUZZ_IDS": ",".join(server.ids),
        "PYTHONPATH": str(here.parents[1]),
    }
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(here / "schemathesis.toml")),
        *("run", f"{server.base}/schema/openapi.json", "--no-color", "--checks", "all"),
        # The answer to OPTIONS is Litestar's (2.25): on a path with several methods its Allow lists
        # those of the handler registered first. The Allow of a 405 is right (unsupported_method).
        *("--exclude-checks", "allow_header_conformance"),
        *("--header", f"Authorization: {server.headers['Authorization']}"),
        *options,
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    for phase in ("Coverage", "Fuzzing"):
        assert phase in done.stdout
    assert "No test cases" not in done.stdout


@pytest.mark.parametrize("examples", [6, pytest.param(25, marks=pytest.mark.full)])
def test_every_answer_is_as_documented(server: Server, tmp_path: Path, examples: int) -> None:
    ask(server, tmp_path, "--max-examples", str(examples))


@pytest.mark.drill
@pytest.mark.timeout(3600)
def test_every_answer_is_as_documented_many_times_over(server: Server, tmp_path: Path) -> None:
    ask(server, tmp_path, "--max-examples", "1000", "--continue-on-failure")
