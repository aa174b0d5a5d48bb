"""What being watched costs a search: the same service with and without those who look at it.

Times with and without take turns at random. While it is watched, KPIs are sampled, alerts checked,
recall is sampled and Prometheus reads /metrics, all of it ten times as often as it is by default.
What a request counts on its way is part of every request; it is timed apart, around an application
that does nothing.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from jobs.bench.client import service
from jobs.bench.corpus import Corpus
from service.core.database import connect
from service.core.keys import create_key
from service.core.memory import Operator
from service.core.paths import SQL_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ASGIApp

    from jobs.scratch import Scratch

NAMESPACES, SIZE = 40, 500
_PERIOD = 6.0  # seconds between two samples: a minute, ten times as often
_RECALL_EVERY = 10  # samples
_SCRAPES = 4  # Prometheus looks every 15 s, so four times between two samples
_TURN = 12.0  # seconds with, or without
_EMPTY_REQUESTS = 20_000


@dataclass
class Outcome:
    """Milliseconds of searches.

    Attributes:
        samples: while nobody looks (False) and while it is watched (True).
        looks: how often everything was sampled.
        counting_us: what counting adds to a request: microseconds.
    """

    samples: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    looks: int = 0
    counting_us: float = 0.0


async def fill(scratch: Scratch, advance: Callable[[int], None]) -> None:
    """Store namespaces of 500."""
    corpus = Corpus()
    for place in range(NAMESPACES):
        for memories, vectors in corpus.batches(f"n-{place}", SIZE):
            await scratch.memory.remember(memories, list(vectors))
            advance(len(memories))
    async with connect(scratch.database.url) as connection:
        await Operator(connection).vacuum()


async def measure(
    scratch: Scratch,
    *,
    turns: int,
    counted: Callable[[ASGIApp], ASGIApp],
    advance: Callable[[int], None],
) -> Outcome:
    """Search in turns with and without being watched.

    Args:
        scratch: filled.
        turns: pairs of them.
        counted: makes of an application one whose requests are counted.
        advance: told after each pair.
    """
    outcome = Outcome()
    async with connect(scratch.database.url, role="memory_owner") as connection:
        key = await create_key(Operator(connection), "bench", namespaces=["*"], scopes=["read"])
    outcome.counting_us = await _counting(counted)
    corpus = Corpus(seed=1)
    random = np.random.default_rng(1)
    # apart, or the watcher would slow the client and not the service
    context = multiprocessing.get_context("spawn")
    with service(scratch.database.url, key, jobs=False) as client:
        looks = context.Value("i", 0)
        for _ in range(turns):
            for watched in random.permutation([False, True]).tolist():
                watcher = None
                if watched:
                    arguments = (scratch.database.url, client.base, looks)
                    watcher = context.Process(target=_watch, args=arguments, daemon=True)
                    watcher.start()
                    _wait_for(looks, looks.value + 1)  # it is there
                until = time.monotonic() + _TURN
                while time.monotonic() < until:
                    vector = corpus.vectors(1)[0].tolist()
                    namespace = f"n-{random.integers(NAMESPACES)}"
                    began = time.perf_counter()
                    client.search(namespace=namespace, embedding=vector, top_k=10)
                    outcome.samples[watched].append((time.perf_counter() - began) * 1000)
                if watcher is not None:
                    watcher.terminate()
                    watcher.join()
            advance(1)
        outcome.looks = looks.value
    return outcome


def _wait_for(looks: Any, count: int) -> None:
    while looks.value < count:
        time.sleep(0.05)


def _watch(url: str, base: str, looks: Any) -> None:
    """Look at the service until this process is ended."""
    statement = (SQL_DIR / "bench" / "watch.sql").read_bytes()
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            recall = looks.value % _RECALL_EVERY == 0
            connection.execute(statement, {"recall": recall}).fetchall()
            looks.value += 1
            for _ in range(_SCRAPES):
                with urllib.request.urlopen(f"{base}/metrics") as answer:  # noqa: S310
                    answer.read()
                time.sleep(_PERIOD / _SCRAPES)


async def _counting(counted: Callable[[ASGIApp], ASGIApp]) -> float:
    """Microseconds that counting adds to a request."""

    async def nothing(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(_: Any) -> None:
        return

    taken = []
    applications: list[Any] = [nothing, counted(nothing)]
    for application in applications:
        began = time.perf_counter()
        for _ in range(_EMPTY_REQUESTS):
            scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
            await asyncio.create_task(application(scope, receive, send))
        taken.append((time.perf_counter() - began) / _EMPTY_REQUESTS * 1e6)
    return taken[1] - taken[0]
