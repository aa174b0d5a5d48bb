"""The embedding worker between many: nobody is held up by who stores more or by a bad text."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from service.core.database import make_pool
from service.core.embedding.batcher import MicroBatcher
from service.core.embedding.cache import CachedEmbedder
from service.core.embedding.openai import OpenAIEmbedder
from service.core.embedding.worker import EmbeddingWorker
from service.core.memory import Memory
from tests.api.running import WordEmbedder, until
from tests.conftest import DIM
from tests.embedding.endpoint import Endpoint, listening, status, vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from uuid import UUID

    from service.core.embedding.port import Embedder, Vectors
    from tests.embedding.endpoint import Answer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("impatient")]


@pytest.fixture
async def memory(clone_url: str) -> AsyncIterator[Memory]:
    async with make_pool(clone_url, size=4, role="memory_operator") as pool:
        yield Memory(pool)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, clone_url: str) -> Iterator[Endpoint]:
    """One that knows the model of the tests' database."""
    with psycopg.connect(clone_url) as connection:
        connection.execute("update memory_data.embedding_model set name = 'openai/m' where active")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with listening() as server:
        server.otherwise = eight
        yield server


def eight(request: dict[str, Any]) -> Answer:
    return vectors(request, dim=DIM)


@asynccontextmanager
async def working(
    memory: Memory, embedder: Embedder, batch: int = 8
) -> AsyncIterator[EmbeddingWorker]:
    batcher = MicroBatcher(embedder, batch_size=batch, batch_timeout_ms=0)
    worker = EmbeddingWorker(memory, batcher, batch_size=batch)
    try:
        async with worker.running():
            yield worker
    finally:
        await batcher.close()
        embedder.close()


def remote(endpoint: Endpoint, **more: float) -> CachedEmbedder:
    return CachedEmbedder(OpenAIEmbedder("m", url=endpoint.url, dim=DIM, **more), 100)  # type: ignore[arg-type]


def store(url: str, namespace: str, *texts: str) -> list[tuple[str, UUID]]:
    """Namespace and id of each."""
    statement = "select id from memory.remember(%s, %s)"
    with psycopg.connect(url) as connection:
        return [
            (namespace, connection.execute(statement, (namespace, text)).fetchone()[0])  # type: ignore[index]
            for text in texts
        ]


def asked(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


class Held(WordEmbedder):
    """Each batch waits for its turn of `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def _embed(self, texts: list[str]) -> Vectors:
        self.batches.append(texts)
        assert self.gate.acquire(timeout=60)
        return super()._embed(texts)


async def test_who_waits_for_one_waits_for_no_thousand(clone_url: str, memory: Memory) -> None:
    store(clone_url, "a", *(f"a {number}" for number in range(100)))
    (one,) = store(clone_url, "b", "b")
    held = Held()
    async with working(memory, held) as worker:
        await until(_there(lambda: held.batches))
        waiting = asyncio.create_task(worker.wait_for([one], 60))
        await asyncio.sleep(0)
        for _ in range(2):  # the batch that had begun, and the next one
            held.gate.release()
        assert await waiting
        assert len(held.batches) <= 3
        left = asked(clone_url, "select count(*) from memory.unembedded where namespace = 'a'")
        assert left[0][0] >= 100 - 2 * 8
        held.gate.release(1000)


async def test_who_waits_for_a_thousand_holds_up_nobody_who_waits_or_does_not(
    clone_url: str, memory: Memory
) -> None:
    many = store(clone_url, "a", *(f"a {number}" for number in range(60)))
    held = Held()
    async with working(memory, held) as worker:
        greedy = asyncio.create_task(worker.wait_for(many, 60))
        await until(_there(lambda: held.batches))
        (waits,) = store(clone_url, "b", "b waits")
        (same,) = store(clone_url, "a", "a waits")
        store(clone_url, "c", "c does not")
        tasks = [asyncio.create_task(worker.wait_for([one], 60)) for one in (waits, same)]
        await asyncio.sleep(0)
        for _ in range(2):
            held.gate.release()
        assert all(await asyncio.gather(*tasks))
        assert not greedy.done()
        await until(_there(lambda: len(held.batches) == 3))
        assert "c does not" in held.batches[1]
        held.gate.release(1000)
        assert await greedy


async def test_namespaces_that_wait_for_nothing_take_turns(clone_url: str, memory: Memory) -> None:
    store(clone_url, "a", *(f"a {number}" for number in range(40)))
    for name in ("b", "c"):
        store(clone_url, name, name)
    held = Held()
    async with working(memory, held):
        held.gate.release(1000)
        await until(
            _there(lambda: asked(clone_url, "select count(*) from memory.unembedded")[0][0] == 0)
        )
    assert {"b", "c"} < set(held.batches[0])


@pytest.mark.parametrize("code", [500, 422])
async def test_bad_texts_stop_no_other_and_are_set_aside(
    clone_url: str, memory: Memory, endpoint: Endpoint, code: int
) -> None:
    endpoint.otherwise = lambda request: (
        status(code) if any("bad" in text for text in request["input"]) else eight
    )(request)
    bad = store(clone_url, "a", "bad one", "bad two")
    good = store(clone_url, "a", *(f"a {number}" for number in range(12)))
    good += store(clone_url, "b", "b")
    async with working(memory, remote(endpoint)) as worker:
        assert await worker.wait_for([*bad, *good], 60)
        rows = asked(clone_url, "select id, attempts, last_error, set_aside from memory.unembedded")
        assert {(row[0], row[1], row[3]) for row in rows} == {(one, 1, False) for _, one in bad}
        assert all(f"HTTP {code}" in row[2] and "bad one" not in row[2] for row in rows)
        for attempt in range(2, 9):
            _due(clone_url)
            await until(
                _there(
                    lambda n=attempt: (
                        asked(clone_url, "select min(attempts) from memory.unembedded") == [(n,)]
                    )
                )
            )
        assert asked(clone_url, "select distinct set_aside from memory.unembedded") == [(True,)]
        # and the next ones are embedded as if nothing were
        assert await worker.wait_for(store(clone_url, "a", "afterwards"), 60)
        before = len(endpoint.seen)
        await asyncio.sleep(0.2)
        assert len(endpoint.seen) == before
        endpoint.otherwise = eight
        with psycopg.connect(clone_url) as connection:
            connection.execute("select * from memory.retry_embeddings()")
        await until(_there(lambda: asked(clone_url, "select * from memory.unembedded") == []))


async def test_a_text_that_is_too_long_gets_a_vector_of_its_beginning(
    clone_url: str, memory: Memory, endpoint: Endpoint
) -> None:
    endpoint.otherwise = lambda request: (
        status(500) if any(len(text.split()) > 400 for text in request["input"]) else eight
    )(request)
    long = store(clone_url, "a", " ".join(f"word{number}" for number in range(500)))
    short = store(clone_url, "b", *(f"b {number}" for number in range(52)))
    async with working(memory, remote(endpoint)) as worker:
        assert await worker.wait_for([*long, *short], 60)
    assert asked(clone_url, "select * from memory.unembedded") == []
    ((name, one, characters, reason),) = asked(clone_url, "select * from memory.shortened")
    assert [(name, one)] == long
    assert 1_000 < characters < 3_600
    assert "HTTP 500" in reason


async def test_a_provider_that_is_away_blames_no_text_and_is_told(
    clone_url: str, memory: Memory, endpoint: Endpoint
) -> None:
    endpoint.otherwise = status(402)
    ids = store(clone_url, "a", "one", "two")
    state = "select failing_since is null, error from memory_data.provider_state"
    async with working(memory, remote(endpoint)) as worker:
        assert await worker.wait_for(ids, 3600)
        await until(_there(lambda: asked(clone_url, state)))
        ((answers, error),) = asked(clone_url, state)
        assert not answers
        assert "402" in error
        (line,) = asked(
            clone_url,
            "select ok, detail from memory.check_database()"
            " where condition = 'provider for the service'",
        )
        assert line[0] is False
        assert "402" in line[1]
        # who comes now is not kept waiting either
        assert await worker.wait_for(store(clone_url, "a", "three"), 3600)
        assert asked(clone_url, "select distinct attempts from memory.unembedded") == [(0,)]
        endpoint.otherwise = eight
        await until(_there(lambda: asked(clone_url, "select * from memory.unembedded") == []))
        await until(_there(lambda: asked(clone_url, state) == [(True, None)]))


async def test_the_provider_is_left_alone_as_long_as_it_asks(
    clone_url: str, memory: Memory, endpoint: Endpoint
) -> None:
    endpoint.otherwise = status(429, retry_after="3600")
    embedder = remote(endpoint)
    batcher = MicroBatcher(embedder, batch_timeout_ms=0)
    worker = EmbeddingWorker(memory, batcher, batch_size=8)
    async with worker.running():
        ids = store(clone_url, "a", "one")
        assert await worker.wait_for(ids, 3600)
        await until(_there(lambda: batcher.fault))
        worker.notify()
        store(clone_url, "a", "two")
        worker.notify()
        await asyncio.sleep(0.3)  # pauses of 50 ms, were they not longer
        assert len(endpoint.seen) == 1
        assert 3500 < batcher.asked_to_wait_s <= 3600
    await batcher.close()
    embedder.close()
    assert asked(
        clone_url, "select retry_at > now() + interval '50 minutes' from memory_data.provider_state"
    ) in ([(True,)], [])


def _due(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("update memory_data.embedding_failure set next_attempt_at = now()")


def _there(is_so: Callable[[], object]) -> Callable[[], Any]:
    async def ask() -> object:
        return is_so()

    return ask
