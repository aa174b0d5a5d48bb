"""After a few failures searches are not made to wait for a provider; it is asked apart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from service.core.embedding.batcher import MicroBatcher
from service.core.embedding.breaker import Breaker
from service.core.errors import EmbeddingError, EmbeddingUnavailable
from tests.api.running import until
from tests.embedding.fakes import Fake, vector

if TYPE_CHECKING:
    from service.core.embedding.port import Vectors


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def test_it_opens_after_three_failures_in_a_row(breaker: Breaker) -> None:
    for _ in range(2):
        breaker.failed(EmbeddingError("no"))
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(EmbeddingError("no"))
    assert breaker.refusal() is None
    breaker.failed(RuntimeError("secret text"))
    refusal = breaker.refusal()
    assert refusal is not None
    assert "secret" not in str(refusal)
    assert "not asked again before" in refusal.message
    breaker.succeeded()
    assert breaker.refusal() is None


def test_it_is_asked_at_once_then_with_pauses_that_grow_to_a_minute(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.open(EmbeddingUnavailable("away"))
    pauses = [breaker.wait_s]
    for _ in range(9):
        clock.now += breaker.wait_s
        breaker.open(EmbeddingUnavailable("away"))
        pauses.append(breaker.wait_s)
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    # what fails meanwhile moves nothing
    clock.now += 10
    breaker.failed(EmbeddingError("no"))
    assert breaker.wait_s == 50


def test_what_it_asks_for_is_obeyed_up_to_an_hour(breaker: Breaker, clock: Clock) -> None:
    breaker.failed(EmbeddingUnavailable("busy", retry_after=90))
    assert breaker.wait_s == breaker.asked_to_wait_s == 90
    breaker.failed(EmbeddingUnavailable("busy", retry_after=1e9))
    assert breaker.wait_s == breaker.asked_to_wait_s == 3600
    clock.now += 3601
    assert breaker.wait_s == breaker.asked_to_wait_s == 0
    assert breaker.error is not None


async def closed(batcher: MicroBatcher) -> bool:
    return batcher.fault is None


class Stuck(Fake):
    """Does not answer to anything until `gate`."""

    def _embed(self, role: str, texts: list[str]) -> Vectors:
        self.calls.append((role, list(texts)))
        self.held.set()
        if not self.gate.wait(0.01):
            raise EmbeddingError("not within 5.0 s")
        return np.stack([vector(role, text) for text in texts])


@pytest.mark.anyio
async def test_searches_are_refused_at_once_until_it_answers_again() -> None:
    stuck = Stuck()
    batcher = MicroBatcher(stuck, batch_timeout_ms=0)
    for number in range(3):
        with pytest.raises(EmbeddingError, match="not within"):
            await batcher.embed_query(f"q{number}")
    for number in range(50):
        with pytest.raises(EmbeddingUnavailable, match="not asked again before"):
            await batcher.embed_query(f"more {number}")
    searched = [text for _, texts in stuck.calls for text in texts if text.startswith("more")]
    assert searched == []
    # somebody asks, and it is no search
    stuck.gate.set()
    await until(lambda: closed(batcher))
    np.testing.assert_array_equal(await batcher.embed_query("q"), vector("query", "q"))
    await batcher.close()


@pytest.mark.anyio
async def test_bad_questions_close_nothing_for_the_others() -> None:
    fake = Fake()
    batcher = MicroBatcher(fake, batch_timeout_ms=0)
    for number in range(3):
        with pytest.raises(EmbeddingError, match="poison"):
            await batcher.embed_query(f"poison {number}")
    await until(lambda: closed(batcher))  # asked at once
    await batcher.embed_query("good")
    await batcher.close()


@pytest.mark.anyio
async def test_closing_ends_the_asking() -> None:
    stuck = Stuck()
    batcher = MicroBatcher(stuck, batch_timeout_ms=0)
    for number in range(3):
        with pytest.raises(EmbeddingError):
            await batcher.embed_query(f"q{number}")
    await batcher.close()
    assert not any(thread.name.startswith("embed-") for thread in threading.enumerate())
