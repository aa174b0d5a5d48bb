"""Counts uses of memories without making a reader wait: collected here, written in batches.

A crash loses at most the last second of counts, never a memory. One call of `memory.touch_many`
carries the uses of all namespaces.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import structlog

from service.memory import Use
from service.tasks import end

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from service.memory import Memory

log = structlog.get_logger("magray.touches")

_BATCH = 5_000  # uses in one call
_INTERVAL = 1.0  # seconds between two writes
_LIMIT = 100_000  # uses kept while the database is away; what is beyond is not counted


class TouchBuffer:
    """Collects uses and writes them every second."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pending: set[Use] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, namespace: str, ids: Iterable[UUID], *, session: str | None, source: str) -> None:
        """Note that memories were used."""
        if len(self._pending) < _LIMIT:
            self._pending.update(Use(namespace, one, session, source) for one in ids)

    def start(self) -> None:
        """Begin writing."""
        self._task = asyncio.create_task(self._run(), name="touch buffer")

    async def stop(self) -> None:
        """Write what is left and end."""
        await end(self._task)
        await self.flush()

    async def flush(self) -> None:
        """Write everything collected so far; what cannot be written stays for the next time."""
        while self._pending:
            uses = [self._pending.pop() for _ in range(min(_BATCH, len(self._pending)))]
            try:
                await self._memory.touch_many(uses)
            except psycopg.OperationalError as error:
                # The database is away: the others would only wait for it as long.
                self._pending.update(uses)
                log.warning("uses not counted yet", error=str(error).partition("\n")[0])
                return
            except psycopg.Error as error:
                log.warning("uses not counted", sqlstate=error.sqlstate, count=len(uses))
            except asyncio.CancelledError:
                self._pending.update(uses)
                raise

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            await self.flush()
