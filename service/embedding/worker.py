"""Gives memories their vectors after they were stored: the writer never waits for a model.

What is pending stands in the database (`embedding is null`), so a restart loses nothing and several
services may share the work: a vector that is there already is not written again. A database whose
jobs are switched off (a restored clone, until it is released) gets none.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import structlog

from service.embedding.port import EmbeddingUnavailable
from service.errors import EmbeddingError
from service.tasks import end

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from service.embedding.batcher import MicroBatcher
    from service.memory import Memory

log = structlog.get_logger("magray.embedding.worker")

# Between two looks at the database when nobody says that there is work: seconds. Finds what another
# process stored, and texts whose next attempt has come.
_POLL = 5.0
# After a failure, doubled each time: seconds.
_SHORTEST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0


class EmbeddingWorker:
    """Embeds pending memories in the background.

    Args:
        memory: where they are.
        batcher: embeds; a text that fails fails alone.
        batch_size: memories fetched and written at once.
    """

    def __init__(self, memory: Memory, batcher: MicroBatcher, *, batch_size: int) -> None:
        self._memory = memory
        self._batcher = batcher
        self._limit = batch_size
        self._work = asyncio.Event()
        self._waiting: dict[UUID, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what a former run left pending comes first."""
        self._work.set()
        self._task = asyncio.create_task(self._run(), name="embedding worker")

    async def stop(self) -> None:
        """End at once; what is pending stays pending."""
        await end(self._task)
        for future in self._waiting.values():
            future.cancel()

    def notify(self) -> None:
        """Say that memories were stored."""
        self._work.set()

    async def wait_for(self, ids: Iterable[UUID], timeout: float) -> bool:  # noqa: ASYNC109
        """Wait until these memories were embedded or given up for now; False when time ran out."""
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(one, loop.create_future()) for one in ids]
        self._work.set()
        if not futures:
            return True
        done, _ = await asyncio.wait(futures, timeout=timeout)
        return len(done) == len(set(futures))

    async def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            with suppress(TimeoutError):
                # not wait_for: in Python 3.11 it may swallow being cancelled
                async with asyncio.timeout(_POLL):
                    await self._work.wait()
            self._work.clear()
            try:
                while await self._round():
                    pause = _SHORTEST_PAUSE
            except (EmbeddingError, psycopg.Error) as error:
                # The provider or the database is away, or another model is in use meanwhile.
                # Whoever waits is told how things stand now rather than kept waiting.
                self._settle(list(self._waiting))
                log.warning("embedding paused", seconds=pause, error=str(error).partition("\n")[0])
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._work.set()
            else:
                pause = _SHORTEST_PAUSE

    async def _round(self) -> bool:
        """Embed what is pending, at most a batch; True when there may be more."""
        asked = set(self._waiting)
        if await self._memory.held_back():
            # Nobody is kept waiting for what nobody does.
            self._settle(asked)
            return False
        pending = await self._memory.pending_embeddings(self._limit)
        if pending:
            await self._embed(pending)
        self._settle(row["id"] for row in pending)
        if len(pending) < self._limit:
            # Everything pending was seen: whoever waits for something else waits for nothing.
            self._settle(asked)
            return False
        return True

    async def _embed(self, pending: list[dict[str, Any]]) -> None:
        answers = await asyncio.gather(
            *(self._batcher.embed_document(row["document"]) for row in pending),
            return_exceptions=True,
        )
        good: list[tuple[dict[str, Any], Any]] = []
        for row, answer in zip(pending, answers, strict=True):
            if isinstance(answer, EmbeddingUnavailable):
                raise answer
            if isinstance(answer, Exception):
                log.warning("memory not embedded", id=str(row["id"]), error=_reason(answer))
                await self._memory.note_embedding_failure(
                    row["namespace"], row["id"], _reason(answer)
                )
            elif isinstance(answer, BaseException):
                raise answer
            else:
                good.append((row, answer))
        if good:
            rows, vectors = zip(*good, strict=True)
            await self._memory.write_embeddings(rows, np.stack(vectors), self._batcher.model_id)

    def _settle(self, ids: Iterable[UUID]) -> None:
        for one in ids:
            future = self._waiting.pop(one, None)
            if future is not None and not future.done():
                future.set_result(None)


def _reason(error: Exception) -> str:
    """Why a text was not embedded; of an error that is not ours only its kind, for it may quote."""
    return error.message if isinstance(error, EmbeddingError) else type(error).__name__
