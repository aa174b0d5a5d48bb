"""The embedding worker: nothing pending is forgotten, nobody waits for what cannot come."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector

from service.core.database import make_pool
from service.core.embedding import worker as worker_module
from service.core.embedding.batcher import MicroBatcher
from service.core.embedding.worker import EmbeddingWorker
from service.core.memory import Memory
from tests.api.running import WordEmbedder, until, vector_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg_pool import AsyncConnectionPool

    from service.core.embedding.port import Vectors

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("impatient")]


@pytest.fixture
async def pool(clone_url: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    async with make_pool(clone_url, size=4, role="memory_operator") as made:
        yield made


@asynccontextmanager
async def working(
    pool: AsyncConnectionPool[Any], embedder: WordEmbedder
) -> AsyncIterator[EmbeddingWorker]:
    batcher = MicroBatcher(embedder, batch_size=8, batch_timeout_ms=0)
    worker = EmbeddingWorker(Memory(pool), batcher, batch_size=8)
    try:
        async with worker.running():
            yield worker
    finally:
        await batcher.close()


def store(url: str, *texts: str, namespace: str = "n") -> list[tuple[str, UUID]]:
    """Namespace and id of each."""
    statement = "select id from memory.remember(%s, %s)"
    with psycopg.connect(url) as connection:
        return [
            (namespace, connection.execute(statement, (namespace, text)).fetchone()[0])  # type: ignore[index]
            for text in texts
        ]


def vectors(url: str) -> dict[str, Vectors]:
    """The vectors that are there, by content."""
    with psycopg.connect(url) as connection:
        register_vector(connection)
        rows = connection.execute(
            "select content, embedding from memory._memories where embedding is not null"
        ).fetchall()
    return {content: embedding.to_numpy() for content, embedding in rows}


async def embedded(url: str, number: int) -> None:
    async def enough() -> bool:
        return len(vectors(url)) >= number

    await until(enough)


async def test_what_a_former_run_left_is_embedded(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    texts = [f"text {number}" for number in range(20)]
    ids = store(clone_url, *texts)
    async with working(pool, WordEmbedder()) as worker:
        assert await worker.wait_for(ids, 60)
    found = vectors(clone_url)
    assert set(found) == set(texts)
    for text in texts:
        assert np.allclose(found[text], vector_of(text), atol=1e-2)


async def test_what_another_process_stores_is_found_without_a_word(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    async with working(pool, WordEmbedder()) as worker:
        assert await worker.wait_for(store(clone_url, "first"), 60)
        store(clone_url, "second")
        await embedded(clone_url, 2)


async def test_a_poisonous_text_blocks_nobody_and_is_tried_again(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    embedder = WordEmbedder()
    embedder.poison = "poison"
    ids = store(clone_url, "one", "poison", "two", *(f"more {number}" for number in range(20)))
    async with working(pool, embedder) as worker:
        assert await worker.wait_for(ids, 60)  # the poisonous one was given up for now
        assert len(vectors(clone_url)) == 22
        with psycopg.connect(clone_url, autocommit=True) as connection:
            failure = connection.execute(
                "select attempts, last_error, next_attempt_at > now()"
                " from memory_data.embedding_failure"
            ).fetchall()
            assert failure == [(1, "the text is poison", True)]
            embedder.poison = None
            connection.execute("update memory_data.embedding_failure set next_attempt_at = now()")
        await embedded(clone_url, 23)
    with psycopg.connect(clone_url) as connection:
        left = connection.execute("select count(*) from memory_data.embedding_failure").fetchone()
    assert left == (0,)


class Broken(WordEmbedder):
    """A provider with a fault of its own in it."""

    def _embed(self, texts: list[str]) -> Vectors:
        if any("broken" in text for text in texts):
            raise RuntimeError(f"could not: {texts}")
        return super()._embed(texts)


async def test_a_fault_of_the_provider_is_noted_without_the_text(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    ids = store(clone_url, "broken secret", "fine")
    async with working(pool, Broken()) as worker:
        assert await worker.wait_for(ids, 60)
        assert set(vectors(clone_url)) == {"fine"}
        assert await worker.wait_for(store(clone_url, "afterwards"), 60)
    with psycopg.connect(clone_url) as connection:
        noted = connection.execute(
            "select last_error from memory_data.embedding_failure"
        ).fetchall()
    assert noted == [("RuntimeError",)]


async def test_nobody_waits_for_a_provider_that_is_down(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    embedder = WordEmbedder()
    embedder.down = True
    ids = store(clone_url, "one", "two")
    async with working(pool, embedder) as worker:
        assert await worker.wait_for(ids, 3600)
        assert vectors(clone_url) == {}
        embedder.down = False
        await embedded(clone_url, 2)
    with psycopg.connect(clone_url) as connection:  # no text is to blame
        noted = connection.execute("select count(*) from memory_data.embedding_failure").fetchone()
    assert noted == (0,)


async def test_the_worker_outlives_a_change_of_the_model(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    rename = "update memory_data.embedding_model set name = %s where active"
    with psycopg.connect(clone_url, autocommit=True) as connection:
        connection.execute(rename, ("other",))
        async with working(pool, WordEmbedder()) as worker:
            assert await worker.wait_for(store(clone_url, "one"), 3600)
            assert vectors(clone_url) == {}
            connection.execute(rename, ("test-model",))
            await embedded(clone_url, 1)


async def test_a_database_held_back_is_embedded_when_it_is_released(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    ids = store(clone_url, "one", "two")
    with psycopg.connect(clone_url, autocommit=True) as connection:
        connection.execute("select memory.allow_jobs(false)")
        async with working(pool, WordEmbedder()) as worker:
            assert await worker.wait_for(ids, 3600)  # nobody waits for what is not done
            assert vectors(clone_url) == {}
            connection.execute("select memory.allow_jobs()")
            await embedded(clone_url, 2)


async def test_waiting_ends_for_what_is_not_pending(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    async with working(pool, WordEmbedder()) as worker:
        assert await worker.wait_for([], 0)
        assert await worker.wait_for([("n", uuid4())], 60)
        (memory,) = store(clone_url, "twice")
        assert await asyncio.gather(worker.wait_for([memory], 60), worker.wait_for([memory], 60))
        assert await worker.wait_for([memory], 60)
    stopped = EmbeddingWorker(Memory(pool), MicroBatcher(WordEmbedder()), batch_size=8)
    assert not await stopped.wait_for([memory], 0.01)
    async with stopped.running():
        pass


async def test_the_worker_rests_when_nobody_waits_any_more(
    pool: AsyncConnectionPool[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was waited for in vain may never come: it was forgotten, or another has embedded it."""
    monkeypatch.setattr(worker_module, "_POLL", 3600)
    memory = Counted(pool)
    batcher = MicroBatcher(WordEmbedder())
    worker = EmbeddingWorker(memory, batcher, batch_size=8)
    gone, shared = ("n", uuid4()), ("n", uuid4())
    patient = asyncio.create_task(worker.wait_for([shared], 60))
    assert not await worker.wait_for([gone, shared], 0.01)
    async with worker.running():
        assert await patient
        for _ in range(50):  # about as many more could have come
            await Memory(pool).pending_embeddings(1)
        assert memory.rounds <= 2
    await batcher.close()


class Counted(Memory):
    """Each round of the worker begins with this question."""

    rounds = 0

    async def held_back(self) -> bool:
        self.rounds += 1
        return await super().held_back()


async def test_a_text_edited_meanwhile_gets_the_vector_of_its_new_words(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    (memory,) = store(clone_url, "old words")
    pending = await Memory(pool).pending_embeddings(8)
    with psycopg.connect(clone_url) as connection:
        connection.execute(
            "select memory.update_memory('n', %s, '{\"content\": \"new words\"}')", (memory[1],)
        )
    written = await Memory(pool).write_embeddings(
        pending, np.stack([vector_of("old words")]), "test-model"
    )
    assert written == 0
    async with working(pool, WordEmbedder()) as worker:
        assert await worker.wait_for([memory], 60)
    assert np.allclose(vectors(clone_url)["new words"], vector_of("new words"), atol=1e-2)


async def test_a_stop_right_after_a_word_of_new_work_ends(
    pool: AsyncConnectionPool[Any],
) -> None:
    async with asyncio.timeout(60):
        for _ in range(5):
            async with working(pool, WordEmbedder()) as worker:
                await asyncio.sleep(0.02)  # it waits for work
                worker.notify()


async def test_two_workers_share_one_database(
    clone_url: str, pool: AsyncConnectionPool[Any]
) -> None:
    texts = [f"text {number}" for number in range(100)]
    ids = store(clone_url, *texts)
    async with working(pool, WordEmbedder()) as one, working(pool, WordEmbedder()) as two:
        await asyncio.gather(one.wait_for(ids, 60), two.wait_for(ids, 60))
        await embedded(clone_url, 100)
        assert await one.wait_for(store(clone_url, "afterwards"), 60)
    found = vectors(clone_url)
    for text in texts:
        assert np.allclose(found[text], vector_of(text), atol=1e-2)
