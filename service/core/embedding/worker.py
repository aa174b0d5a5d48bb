"""Gives memories their vectors after they were stored: the writer never waits for a model.

What is pending stands in the database (`embedding is null`), so a restart loses nothing and several
services may share the work: a vector that is there already is not written again. The namespaces
take turns, and what somebody waits for comes first. A database whose jobs are switched off (a
restored clone, until it is released) gets none.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

import psycopg
import structlog

from service.core.embedding.keep import keep
from service.core.errors import EmbeddingError, EmbeddingUnavailable
from service.core.repeat import Wake, every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from service.core.embedding.batcher import MicroBatcher
    from service.core.memory import Memory
    from service.core.model.memories import Pending

log = structlog.get_logger("magray.embedding.worker")

# Between two looks at the database when nobody says that there is work: seconds. Finds what another
# process stored, and texts whose next attempt has come.
_POLL = 5.0
# After a failure, doubled each time: seconds.
_SHORTEST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
# Between two words to the database about a provider that is as it was: seconds.
_TELL = 60.0

#: Namespace and id of a memory.
Key: TypeAlias = tuple[str, UUID]


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
        self._wake = Wake()
        self._pause = _SHORTEST_PAUSE
        self._waiting: dict[Key, asyncio.Future[None]] = {}
        self._calls: list[list[Key]] = []
        self._after: str | None = None
        # why nothing was embedded when it was last tried; None: it was
        self._trouble: EmbeddingUnavailable | None = None
        self._asked = False
        # what the database was last told of the provider, and when
        self._said: str | None = None
        self._said_at = -_TELL

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Embed, what a former run left pending first; what is pending at the end stays so."""
        try:
            async with (
                every(
                    _POLL,
                    self._tell,
                    name="embedding provider",
                    log=log,
                    trouble="provider not told",
                ),
                every(
                    _POLL,
                    self._embed_pending,
                    name="embedding worker",
                    log=log,
                    trouble="embedding paused",
                    wake=self._wake,
                ),
            ):
                yield
        finally:
            for future in self._waiting.values():
                future.cancel()

    def notify(self) -> None:
        """Say that memories were stored."""
        self._wake()

    async def wait_for(self, memories: Iterable[Key], timeout: float) -> bool:  # noqa: ASYNC109
        """Wait until these memories were embedded or given up for now; False when time ran out."""
        keys = list(dict.fromkeys(memories))
        if not keys or (self._trouble is not None and self._batcher.fault is not None):
            return True  # nobody waits for a provider that is away
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(one, loop.create_future()) for one in keys]
        self._calls.append(keys)
        self._wake()
        try:
            done, _ = await asyncio.wait(futures, timeout=timeout)
        finally:
            self._calls.remove(keys)
            if any(one in self._waiting for one in keys):
                # time ran out: what nobody waits for any more must not keep the rounds going
                wanted = set().union(*self._calls)
                for one in set(keys) - wanted:
                    self._waiting.pop(one, None)
        return len(done) == len(futures)

    async def _embed_pending(self) -> float | None:
        """Embed until nothing is pending; seconds to wait after a failure."""
        try:
            while await self._round():
                self._pause = _SHORTEST_PAUSE
        except (EmbeddingError, psycopg.Error) as error:
            # The provider or the database is away, or another model is in use meanwhile.
            # Whoever waits is told how things stand now rather than kept waiting.
            if isinstance(error, EmbeddingUnavailable):
                self._trouble = error
            self._settle(list(self._waiting))
            left = max(self._pause, self._batcher.asked_to_wait_s)
            log.warning("embedding paused", seconds=left, error=str(error).partition("\n")[0])
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return left
        self._pause = _SHORTEST_PAUSE
        return None

    async def _round(self) -> bool:
        """Embed what is pending, at most a batch; True when there may be more."""
        if await self._memory.held_back():
            # Nobody is kept waiting for what nobody does.
            self._settle(list(self._waiting))
            return False
        # who always waits leaves a quarter to those who never do
        asked = self._next_asked(max(1, self._limit * 3 // 4))
        pending = await self._memory.pending_embeddings(self._limit, after=self._after, first=asked)
        # A text that failed before goes alone, for it may take its time; one a round, for each may.
        fresh = [row for row in pending if not row.attempts]
        suspects = [row for row in pending if row.attempts][:1]
        chosen = fresh + suspects
        for some in filter(None, (fresh, suspects)):
            if self._batcher.fault is not None and self._batcher.asked_to_wait_s > 0:
                raise self._batcher.fault
            await self._embed(some)
        if not pending and self._batcher.fault is None:
            self._trouble = None
        others = [row.namespace for row in pending if _key(row) not in asked]
        self._after = others[-1] if others else self._after
        # what somebody waits for and is not pending gets no vector now
        left_over = {_key(row) for row in pending} - {_key(row) for row in chosen}
        self._settle(set(asked) - left_over | {_key(row) for row in chosen})
        return bool(pending) or bool(self._waiting)

    def _next_asked(self, most: int) -> list[Key]:
        """What somebody waits for, in turns of those who wait, the next one's turn first."""
        self._calls = self._calls[1:] + self._calls[:1]
        asked: dict[Key, None] = {}
        rows = [iter(call) for call in self._calls]
        while rows and len(asked) < most:
            for row in list(rows):
                key = next((one for one in row if one in self._waiting and one not in asked), None)
                if key is None:
                    rows.remove(row)
                else:
                    asked[key] = None
        return list(asked)[:most]

    async def _embed(self, pending: list[Pending]) -> None:
        outcomes = await self._batcher.outcomes(
            [row.document for row in pending], [row.attempts for row in pending]
        )
        await keep(self._memory, pending, outcomes, self._batcher.model_id)
        self._trouble, self._asked = None, True

    async def _tell(self) -> None:
        """Tell the database whether the provider answers: alerts and `magray check` ask there."""
        trouble = self._trouble or self._batcher.fault
        # its detail may quote a text
        words = None if trouble is None else trouble.message
        clock = asyncio.get_running_loop().time
        is_due = clock() - self._said_at > _TELL
        if (self._asked or trouble is not None) and (words != self._said or is_due):
            await self._memory.note_provider(
                self._batcher.model_id, words, self._batcher.asked_to_wait_s
            )
            self._said, self._said_at = words, clock()

    def _settle(self, keys: Iterable[Key]) -> None:
        for one in keys:
            future = self._waiting.pop(one, None)
            if future is not None and not future.done():
                future.set_result(None)


def _key(row: Pending) -> Key:
    return row.namespace, row.id
