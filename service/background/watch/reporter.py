"""Tells the database every few seconds what this service counted, and at the end goodbye.

`memory.kpis` takes latency, rates, errors, caches and uptime from these reports. What cannot be
written while the database is away goes with the next report, so nothing is missing from the sums.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import structlog

from service.core.repeat import every
from service.core.tally import BOUNDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.core.memory import Watch
    from service.core.tally import Lookups, Tally

log = structlog.get_logger("magray.reporter")

_INTERVAL = 15.0  # seconds between two reports
_GOODBYE = 5.0  # seconds the last report may take


class Reporter:
    """Reports the differences of a tally and of the caches.

    Args:
        watch: keeps the reports.
        tally: counts of requests and searches.
        embedder: whose cache counts; None: there is no provider.
        queries: the query cache.
    """

    def __init__(
        self, watch: Watch, tally: Tally, embedder: Lookups | None, queries: Lookups
    ) -> None:
        self._watch = watch
        self._tally = tally
        self._caches = (queries, embedder)
        self._instance = uuid.uuid4()
        self._told = self._now()
        self._told_at = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Report, and say goodbye at the end, so that the silence that follows is no crash."""
        try:
            async with every(
                _INTERVAL, self.report, name="reporter", log=log, trouble="report kept for later"
            ):
                yield
        finally:
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(_GOODBYE):
                await self.report(farewell=True)
        except (psycopg.Error, TimeoutError) as error:
            log.warning("no goodbye", error=str(error).partition("\n")[0])

    async def report(self, *, farewell: bool = False) -> None:
        """Write what was counted since the last report."""
        now, at = self._now(), time.monotonic()
        counts = [new - old for new, old in zip(now, self._told, strict=True)]
        await self._watch.report(
            self._instance, max(at - self._told_at, 0.001), counts, BOUNDS, farewell=farewell
        )
        self._told, self._told_at = now, at

    def _now(self) -> list[int]:
        """requests, errors, searches, degraded, hits and misses of both caches, histogram."""
        tally = self._tally
        numbers = [tally.requests, tally.errors, tally.searches, tally.degraded]
        for cache in self._caches:
            numbers += [0, 0] if cache is None else [cache.hits, cache.misses]
        return numbers + tally.counts
