from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from service.core.embedding.batcher import MicroBatcher
from service.core.embedding.cache import CachedEmbedder
from service.core.embedding.isolate import PROBE
from service.core.errors import EmbeddingError, EmbeddingUnavailable
from tests.embedding.fakes import DIM, Fake, OneByOne, vector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.core.embedding.port import Embedder
    from service.core.embedding.sentence import OnnxEmbedder

pytestmark = pytest.mark.anyio

FOREVER_MS = 3_600_000


@asynccontextmanager
async def running(
    embedder: Embedder, batch_size: int = 32, batch_timeout_ms: float = 20.0
) -> AsyncIterator[MicroBatcher]:
    batcher = MicroBatcher(embedder, batch_size=batch_size, batch_timeout_ms=batch_timeout_ms)
    yield batcher
    await batcher.close()


async def until_held(fake: Fake) -> None:
    assert await asyncio.to_thread(fake.held.wait, 30)


async def test_documents_of_many_callers_go_together_and_come_back_apart() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        rows = await asyncio.gather(*(batcher.embed_documents([f"{i}", f"{i}b"]) for i in range(5)))
    for i, row in enumerate(rows):
        own = [vector("document", f"{i}"), vector("document", f"{i}b")]
        np.testing.assert_array_equal(row, own)
    assert [len(texts) for texts in fake.called_with("document")] == [10]


async def test_a_full_batch_does_not_wait() -> None:
    fake = Fake()
    async with running(fake, batch_size=3, batch_timeout_ms=FOREVER_MS) as batcher:
        rows = await batcher.embed_documents([str(i) for i in range(6)])
    assert rows.shape == (6, DIM)
    assert fake.called_with("document") == [["0", "1", "2"], ["3", "4", "5"]]


async def test_a_late_text_fills_the_batch() -> None:
    fake = Fake()
    async with running(fake, batch_size=2, batch_timeout_ms=FOREVER_MS) as batcher:
        first = asyncio.create_task(batcher.embed_document("a"))
        await asyncio.sleep(0.02)
        assert fake.calls == []
        await batcher.embed_document("b")
        await first
    assert fake.called_with("document") == [["a", "b"]]


async def test_a_lone_document_goes_when_its_time_is_up() -> None:
    fake = Fake()
    async with running(fake, batch_timeout_ms=5) as batcher:
        row = await batcher.embed_document("a")
    np.testing.assert_array_equal(row, vector("document", "a"))


async def test_a_query_on_an_idle_thread_does_not_wait_for_company() -> None:
    fake = Fake()
    async with running(fake, batch_timeout_ms=FOREVER_MS) as batcher:
        waiting = asyncio.create_task(batcher.embed_document("never full"))
        await asyncio.sleep(0)
        np.testing.assert_array_equal(await batcher.embed_query("q"), vector("query", "q"))
        assert not waiting.done()
        waiting.cancel()


async def test_queries_that_arrive_while_one_runs_go_together_next() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        first = asyncio.create_task(batcher.embed_query("hold"))
        await until_held(fake)
        rest = [asyncio.create_task(batcher.embed_query(f"q{i}")) for i in range(4)]
        await asyncio.sleep(0)
        fake.gate.set()
        await asyncio.gather(first, *rest)
    assert fake.called_with("query") == [["hold"], ["q0", "q1", "q2", "q3"]]


async def test_a_query_does_not_wait_behind_documents() -> None:
    fake = Fake()
    async with running(fake, batch_timeout_ms=0) as batcher:
        documents = asyncio.create_task(batcher.embed_documents(["hold", "b"]))
        await until_held(fake)
        # The document thread is busy and stays so until the query has its answer.
        await batcher.embed_query("q")
        assert not documents.done()
        fake.gate.set()
        await documents


async def test_each_role_has_one_thread_and_it_is_not_the_loops() -> None:
    fake = Fake()
    async with running(fake, batch_size=1) as batcher:
        for i in range(3):
            await asyncio.gather(batcher.embed_query(f"q{i}"), batcher.embed_documents(["a", "b"]))
    assert len(fake.threads) == 2
    assert threading.current_thread().name not in fake.threads


async def test_a_poisonous_text_fails_its_own_caller_only() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        good, bad, other = await asyncio.gather(
            batcher.embed_documents(["a", "b"]),
            batcher.embed_document("poison"),
            batcher.embed_document("c"),
            return_exceptions=True,
        )
        # The lane goes on in whole batches afterwards.
        await batcher.embed_documents(["d", "e"])
    assert isinstance(bad, EmbeddingError)
    np.testing.assert_array_equal(good, [vector("document", "a"), vector("document", "b")])
    np.testing.assert_array_equal(other, vector("document", "c"))
    assert fake.called_with("document") == [
        ["a", "b", "poison", "c"],
        [PROBE],
        ["a"],
        ["b"],
        ["poison"],
        ["poison"],
        [PROBE],
        ["c"],
        ["d", "e"],
    ]


async def test_a_poisonous_query_fails_its_own_caller_only() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        first = asyncio.create_task(batcher.embed_query("hold"))
        await until_held(fake)
        others = [asyncio.create_task(batcher.embed_query(q)) for q in ("a", "poison", "b")]
        await asyncio.sleep(0)
        fake.gate.set()
        await first
        good, bad, fine = await asyncio.gather(*others, return_exceptions=True)
    assert isinstance(bad, EmbeddingError)
    np.testing.assert_array_equal([good, fine], [vector("query", "a"), vector("query", "b")])


async def test_a_provider_that_is_down_is_not_asked_again_for_each_text() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        answers = await asyncio.gather(
            *(batcher.embed_document(t) for t in ("a", "down", "b")), return_exceptions=True
        )
        assert all(isinstance(answer, EmbeddingUnavailable) for answer in answers)
        assert len(fake.called_with("document")) == 1
        await batcher.embed_document("up again")


async def test_a_list_with_a_poisonous_text_fails_and_leaves_no_trace() -> None:
    async with running(Fake()) as batcher:
        with pytest.raises(EmbeddingError, match="poison"):
            await batcher.embed_documents(["poison 1", "b", "poison 2"])


async def test_a_wrong_number_of_rows_reaches_nobody() -> None:
    class Short(Fake):
        def embed_documents(self, texts: list[str]) -> np.ndarray[tuple[int, int], np.dtype]:
            return super().embed_documents(texts)[:-1]

    async with running(Short()) as batcher:
        answers = await asyncio.gather(
            batcher.embed_document("a"), batcher.embed_document("b"), return_exceptions=True
        )
    assert all(isinstance(answer, EmbeddingError) for answer in answers)


async def test_a_cancelled_caller_is_dropped_and_the_others_served() -> None:
    fake = Fake()
    async with running(fake, batch_size=3, batch_timeout_ms=0) as batcher:
        running_one = asyncio.create_task(batcher.embed_documents(["hold", "x"]))
        await until_held(fake)
        leaver = asyncio.create_task(batcher.embed_documents(["gone 1", "gone 2"]))
        stayer = asyncio.create_task(batcher.embed_document("here"))
        await asyncio.sleep(0)
        leaver.cancel()
        running_one.cancel()  # even the one whose text is in the model right now
        await asyncio.sleep(0)
        fake.gate.set()
        np.testing.assert_array_equal(await stayer, vector("document", "here"))
        for task in (leaver, running_one):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert fake.called_with("document") == [["hold", "x"], ["here"]]


async def test_close_drains_what_waits_without_waiting_for_company() -> None:
    fake = Fake()
    batcher = MicroBatcher(fake, batch_timeout_ms=FOREVER_MS)
    waiting = [asyncio.create_task(batcher.embed_document(t)) for t in ("a", "b")]
    await asyncio.sleep(0)
    await batcher.close()
    np.testing.assert_array_equal(
        await asyncio.gather(*waiting), [vector("document", "a"), vector("document", "b")]
    )
    for call in (batcher.embed_query("q"), batcher.embed_document("c")):
        with pytest.raises(EmbeddingUnavailable, match="closed"):
            await call
    await batcher.close()
    assert not fake.closed
    assert not any(t.name.startswith("embed-") for t in threading.enumerate())


async def test_close_gives_up_on_a_model_that_hangs() -> None:
    fake = Fake()
    batcher = MicroBatcher(fake, batch_size=1, batch_timeout_ms=0)
    stuck = [asyncio.create_task(batcher.embed_document(t)) for t in ("hold", "behind it")]
    await until_held(fake)
    await batcher.close(timeout_s=0.01)
    for task in stuck:
        with pytest.raises(EmbeddingUnavailable, match="closed"):
            await task
    fake.gate.set()


async def test_a_remembered_query_needs_no_thread() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 10)
    cached.embed_query("known")
    async with running(cached) as batcher:
        stuck = asyncio.create_task(batcher.embed_query("hold"))
        await until_held(fake)
        np.testing.assert_array_equal(await batcher.embed_query("known"), vector("query", "known"))
        assert not stuck.done()
        fake.gate.set()
        await stuck
        assert (batcher.model_id, batcher.dim) == ("fake", DIM)


async def test_an_embedder_without_batched_queries_works_too() -> None:
    async with running(OneByOne()) as batcher:
        rows = await asyncio.gather(batcher.embed_query("a"), batcher.embed_query("b"))
    np.testing.assert_array_equal(rows, [vector("query", "a"), vector("query", "b")])


async def test_no_texts_need_no_model() -> None:
    fake = Fake()
    async with running(fake) as batcher:
        assert (await batcher.embed_documents([])).shape == (0, DIM)
    assert fake.calls == []


async def test_the_real_model_under_many_callers(minilm: OnnxEmbedder) -> None:
    texts = [f"memory number {i} about {'cats' if i % 2 else 'ships'}" for i in range(24)]
    async with running(minilm, batch_size=7) as batcher:
        documents, queries = await asyncio.gather(
            asyncio.gather(*(batcher.embed_document(text) for text in texts)),
            asyncio.gather(*(batcher.embed_query(text) for text in texts)),
        )
    expected = minilm.embed_documents(texts)
    np.testing.assert_allclose(documents, expected, atol=1e-5)
    np.testing.assert_allclose(queries, expected, atol=1e-5)
