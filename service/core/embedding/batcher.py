"""One model for many waiting coroutines: micro-batches in dedicated threads.

Queries and documents each have a lane: a queue, a thread and a task that runs while there is
work. So a search never waits behind a batch of documents. Measured on two cores with MiniLM, a
query while documents are embedded 32 at a time: chat turns 5.6 ms (one thread for both,
queries first: 308 ms), texts of 256 tokens 13 ms (2,527 ms).
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from service.core.embedding.breaker import Breaker
from service.core.embedding.cache import CachedEmbedder
from service.core.embedding.isolate import Embedded, embed_each, embed_each_query, probe_query
from service.core.errors import EmbeddingUnavailable
from service.core.tasks import end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from service.core.embedding.isolate import Outcome
    from service.core.embedding.port import Embedder, Vectors


Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Request:
    text: str
    attempts: int
    arrived: float
    answer: asyncio.Future[Embedded]


class MicroBatcher:
    """Collects texts of concurrent callers, embeds them together, gives each caller its rows.

    It belongs to one event loop. A query goes at once when the query thread is idle; queries
    that arrive while it works go together next. Documents wait up to ``batch_timeout_ms`` for
    company. A text that cannot be embedded fails its own caller only (``isolate``);
    ``EmbeddingUnavailable`` fails the whole batch at once, and after a few failures queries
    fail without being asked, until the provider answers again (``Breaker``).

    Args:
        embedder: called from two threads; not closed by this object.
        batch_size: most texts in one call of the embedder.
        batch_timeout_ms: longest time a document waits for the batch to fill.
    """

    def __init__(
        self, embedder: Embedder, *, batch_size: int = 32, batch_timeout_ms: float = 100.0
    ) -> None:
        self._embedder = embedder
        self._breaker = Breaker()
        self._recovery: asyncio.Task[None] | None = None
        self._closed = False
        self._queries = _Lane(
            "embed-queries",
            lambda texts, _: embed_each_query(embedder, texts),
            self._note_queries,
            batch_size,
            0.0,
        )
        self._documents = _Lane(
            "embed-documents",
            lambda texts, attempts: embed_each(embedder, texts, attempts),
            self._note_documents,
            batch_size,
            batch_timeout_ms / 1000,
        )

    @property
    def model_id(self) -> str:
        """The embedder's id."""
        return self._embedder.model_id

    @property
    def dim(self) -> int:
        """The embedder's dimension."""
        return self._embedder.dim

    @property
    def fault(self) -> EmbeddingUnavailable | None:
        """Why the provider is not asked for queries at present; None: it is."""
        return self._breaker.error

    @property
    def asked_to_wait_s(self) -> float:
        """Seconds the provider still wants to be left alone (``Retry-After``); 0: it does not."""
        return self._breaker.asked_to_wait_s

    async def embed_query(self, text: str) -> Vectors:
        """Unit vector of one query, float32 ``[dim]``; a remembered one needs no thread.

        Raises:
            EmbeddingError: this text failed, the provider is down, or the batcher is closed.
        """
        if isinstance(self._embedder, CachedEmbedder):
            vector = self._embedder.remembered_query(text)
            if vector is not None:
                return vector
        refusal = self._breaker.refusal()
        if refusal is not None and not self._closed:
            raise refusal
        (answer,) = self._queries.submit([text])
        return (await answer).vector

    async def embed_document(self, text: str) -> Vectors:
        """Unit vector of one document, float32 ``[dim]``; errors as ``embed_query``."""
        (answer,) = self._documents.submit([text])
        return (await answer).vector

    async def outcomes(self, texts: Sequence[str], attempts: Sequence[int] = ()) -> list[Outcome]:
        """What becomes of each document: see ``embed_each``, whose arguments these are."""
        answers = self._documents.submit(texts, attempts)
        found = await asyncio.gather(*answers, return_exceptions=True)
        for outcome in found:
            if not isinstance(outcome, (Embedded, Exception)):
                raise outcome  # the service stops
        return [one for one in found if isinstance(one, (Embedded, Exception))]

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of documents, float32 ``[len(texts), dim]``.

        Raises:
            EmbeddingError: as ``embed_query``, for the first text that failed. To know which,
                gather ``embed_document`` of each: they are batched just the same.
        """
        answers = self._documents.submit(texts)
        if not answers:
            return np.empty((0, self.dim), np.float32)
        try:
            return np.stack([one.vector for one in await asyncio.gather(*answers)])
        finally:
            for answer in answers:
                answer.cancel()

    async def close(self, *, timeout_s: float = 30.0) -> None:
        """Refuse new texts, finish those that wait, end the threads.

        Args:
            timeout_s: what is not finished by then fails with EmbeddingUnavailable.
        """
        self._closed = True
        await end(self._recovery)
        await asyncio.gather(self._queries.close(timeout_s), self._documents.close(timeout_s))

    def _note_queries(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Embedded):
                self._breaker.succeeded()
            else:
                self._breaker.failed(outcome)
        self._begin_recovery()

    def _note_documents(self, outcomes: Sequence[Outcome]) -> None:
        # They have more time than queries: that they are embedded says nothing for those.
        away = next((one for one in outcomes if isinstance(one, EmbeddingUnavailable)), None)
        if away is not None:
            self._breaker.failed(away)
            self._begin_recovery()

    def _begin_recovery(self) -> None:
        is_asking = self._recovery is not None and not self._recovery.done()
        if self._breaker.error is not None and not is_asking and not self._closed:
            self._recovery = asyncio.create_task(self._recover(), name="embedding recovery")

    async def _recover(self) -> None:
        """Ask a word of our own from time to time, so that no search pays for the answer."""
        while self._breaker.error is not None:
            await asyncio.sleep(self._breaker.wait_s)
            fault = await self._queries.run(lambda: probe_query(self._embedder))
            if fault is None:
                self._breaker.succeeded()
            else:
                self._breaker.open(fault)


class _Lane:
    """One queue and one thread; the task that serves them lives only while there is work."""

    def __init__(
        self,
        name: str,
        embed: Callable[[list[str], list[int]], list[Outcome]],
        note: Callable[[Sequence[Outcome]], None],
        batch_size: int,
        patience_s: float,
    ) -> None:
        self._embed = embed
        self._note = note
        self._batch_size = max(1, batch_size)
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting: deque[_Request] = deque()
        self._arrival = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def submit(
        self, texts: Iterable[str], attempts: Sequence[int] = ()
    ) -> list[asyncio.Future[Embedded]]:
        if self._closed:
            raise _closed()
        loop = asyncio.get_running_loop()
        new = [
            _Request(text, tries, loop.time(), loop.create_future())
            for text, tries in zip_longest(texts, attempts, fillvalue=0)
            if isinstance(text, str)
        ]
        self._waiting.extend(new)
        self._arrival.set()
        if new and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._serve())
        return [request.answer for request in new]

    async def run(self, ask: Callable[[], Result]) -> Result:
        """Run something in this lane's thread, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    async def close(self, timeout_s: float) -> None:
        self._closed = True
        self._arrival.set()
        drained = True
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=timeout_s)
            drained = self._task.done()
            self._task.cancel()
            await asyncio.wait({self._task})
        # A thread that hangs in its model is not waited for a second time; one that asks whether a
        # provider is there again is, but not by the event loop.
        await asyncio.to_thread(self._thread.shutdown, wait=drained, cancel_futures=True)

    async def _serve(self) -> None:
        batch: list[_Request] = []
        try:
            while self._waiting:
                await self._let_fill()
                batch = self._take()
                if batch:
                    await self._answer(batch)
        finally:
            # Nothing is left unless this task was cancelled.
            for request in (*batch, *self._waiting):
                _fail(request, _closed())
            self._waiting.clear()

    async def _let_fill(self) -> None:
        """Wait until the batch is full or its oldest text has waited long enough."""
        oldest = self._waiting[0]
        left = oldest.arrived + self._patience_s - asyncio.get_running_loop().time()
        if left <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                while len(self._waiting) < self._batch_size and not self._closed:
                    self._arrival.clear()
                    await self._arrival.wait()

    def _take(self) -> list[_Request]:
        batch: list[_Request] = []
        while self._waiting and len(batch) < self._batch_size:
            request = self._waiting.popleft()
            if not request.answer.done():  # its caller was cancelled
                batch.append(request)
        return batch

    async def _answer(self, batch: list[_Request]) -> None:
        texts = [request.text for request in batch]
        attempts = [request.attempts for request in batch]
        outcomes = await self.run(lambda: self._embed(texts, attempts))
        self._note(outcomes)
        for request, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                _fail(request, outcome)
            elif not request.answer.done():
                request.answer.set_result(replace(outcome, vector=outcome.vector.copy()))


def _fail(request: _Request, error: Exception) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)


def _closed() -> EmbeddingUnavailable:
    return EmbeddingUnavailable("The embedding batcher is closed.", hint="the service is stopping")
