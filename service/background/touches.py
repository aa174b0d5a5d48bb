"""Counts uses of memories without making a reader wait: collected here, written in batches.

What was asked is noted the same way: the last few vectors of a namespace are the context its
memories are compared with. A crash loses at most the last second of both, never a memory. One call
carries those of all namespaces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import structlog

from service.core.database import LOST
from service.core.memory import Use
from service.core.repeat import every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray

    from service.core.memory import Memory

log = structlog.get_logger("magray.touches")

_BATCH = 5_000  # uses in one call
_INTERVAL = 1.0  # seconds between two writes
_LIMIT = 100_000  # uses kept while the database is away; what is beyond is not counted
_QUESTIONS = 20  # a namespace; more would push each other out of its ring anyway
_NAMESPACES = 1_000  # whose questions are kept while the database is away


class TouchBuffer:
    """Collects uses and questions and writes them every second."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pending: set[Use] = set()
        self._asked: dict[str, deque[NDArray[np.float32]]] = {}

    def add(self, namespace: str, ids: Iterable[UUID], *, session: str | None, source: str) -> None:
        """Note that memories were used."""
        if len(self._pending) < _LIMIT:
            self._pending.update(Use(namespace, one, session, source) for one in ids)

    def note_query(self, namespace: str, vector: NDArray[np.float32]) -> None:
        """Note the vector of a question that was answered."""
        if namespace in self._asked or len(self._asked) < _NAMESPACES:
            self._asked.setdefault(namespace, deque(maxlen=_QUESTIONS)).append(vector)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write every second, and at the end what is left."""
        try:
            async with every(
                _INTERVAL,
                self.flush,
                name="touch buffer",
                log=log,
                trouble="uses not counted",
                after=_INTERVAL,
            ):
                yield
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write everything collected so far; what cannot be written stays for the next time."""
        await self._flush_uses()
        await self._flush_questions()

    async def _flush_questions(self) -> None:
        asked, self._asked = self._asked, {}
        if not asked:
            return
        try:
            await self._memory.note_queries(
                [(namespace, vector) for namespace, vectors in asked.items() for vector in vectors]
            )
        except (*LOST, asyncio.CancelledError) as error:
            # The database is away: older ones are as good as any, until there are newer.
            for namespace, vectors in asked.items():
                newer = self._asked.get(namespace, ())
                self._asked[namespace] = deque([*vectors, *newer], maxlen=_QUESTIONS)
            if isinstance(error, asyncio.CancelledError):
                raise
        except psycopg.Error as error:
            log.warning("questions not noted", sqlstate=error.sqlstate, count=len(asked))

    async def _flush_uses(self) -> None:
        # those of this moment only: what comes meanwhile would be written one call a search
        taken, self._pending = list(self._pending), set()
        while taken:
            uses, taken = taken[:_BATCH], taken[_BATCH:]
            try:
                await self._memory.touch_many(uses)
            except LOST as error:
                # The database is away: the others would only wait for it as long.
                self._pending.update(uses, taken)
                log.warning("uses not counted yet", error=str(error).partition("\n")[0])
                return
            except psycopg.Error as error:
                log.warning("uses not counted", sqlstate=error.sqlstate, count=len(uses))
            except asyncio.CancelledError:
                self._pending.update(uses, taken)
                raise
