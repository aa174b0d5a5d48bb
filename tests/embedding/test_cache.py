from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.core.embedding.cache import CachedEmbedder
from service.core.errors import EmbeddingError
from tests.embedding.fakes import DIM, Fake, OneByOne, vector


def test_only_the_unknown_texts_reach_the_model() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 10)
    first = cached.embed_documents(["a", "b"])
    again = cached.embed_documents(["b", "c", "a"])
    np.testing.assert_array_equal(again[[2, 0]], first)
    np.testing.assert_array_equal(again, [vector("document", t) for t in ("b", "c", "a")])
    assert fake.calls == [("document", ["a", "b"]), ("document", ["c"])]
    assert (cached.hits, cached.misses, len(cached)) == (2, 3, 3)


def test_a_text_twice_in_one_call_is_embedded_once() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 10)
    rows = cached.embed_documents(["a", "b", "a"])
    np.testing.assert_array_equal(rows[0], rows[2])
    assert fake.calls == [("document", ["a", "b"])]
    assert (cached.hits, cached.misses) == (1, 2)


def test_queries_and_documents_are_kept_apart() -> None:
    cached = CachedEmbedder(Fake(), 10)
    np.testing.assert_array_equal(cached.embed_documents(["a"])[0], vector("document", "a"))
    np.testing.assert_array_equal(cached.embed_query("a"), vector("query", "a"))
    assert (cached.hits, cached.misses) == (0, 2)


def test_the_least_recently_used_goes_first() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 2)
    for text in ("a", "b", "a", "c", "a", "b"):
        cached.embed_query(text)
    # c pushed b out, because a was used after b.
    assert fake.called_with("query") == [["a"], ["b"], ["c"], ["b"]]
    assert (cached.hits, cached.misses, len(cached)) == (2, 4, 2)


def test_a_call_larger_than_the_cache_is_answered_whole() -> None:
    cached = CachedEmbedder(Fake(), 2)
    texts = [str(i) for i in range(9)]
    rows = cached.embed_documents(texts)
    np.testing.assert_array_equal(rows, [vector("document", t) for t in texts])
    assert len(cached) == 2


def test_size_zero_remembers_nothing() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 0)
    assert np.array_equal(cached.embed_query("a"), cached.embed_query("a"))
    assert (cached.hits, cached.misses, len(fake.calls)) == (0, 2, 2)


def test_a_caller_may_change_its_vector() -> None:
    cached = CachedEmbedder(Fake(), 10)
    for give in (cached.embed_query, cached.remembered_query):
        mine = give("a")
        assert mine is not None
        mine[:] = 0
        np.testing.assert_array_equal(cached.embed_query("a"), vector("query", "a"))


def test_a_remembered_query_never_asks_the_model() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 10)
    assert cached.remembered_query("a") is None
    assert (cached.hits, cached.misses, fake.calls) == (0, 0, [])
    cached.embed_query("a")
    np.testing.assert_array_equal(cached.remembered_query("a"), vector("query", "a"))
    assert (cached.hits, cached.misses, len(fake.calls)) == (1, 1, 1)


def test_a_failure_is_not_remembered_and_hurts_nobody_else() -> None:
    cached = CachedEmbedder(Fake(), 10)
    cached.embed_documents(["a"])
    with pytest.raises(EmbeddingError):
        cached.embed_documents(["a", "poison"])
    assert len(cached) == 1
    cached.embed_documents(["a"])
    assert cached.hits == 2


def test_no_texts_and_a_lone_surrogate() -> None:
    cached = CachedEmbedder(OneByOne(), 10)
    assert cached.embed_documents([]).shape == (0, DIM)
    assert cached.embed_queries([]).shape == (0, DIM)
    assert cached.remembered_query("a\ud800") is None


def test_an_embedder_without_batched_queries_is_asked_one_by_one() -> None:
    plain = OneByOne()
    rows = CachedEmbedder(plain, 10).embed_queries(["a", "b"])
    np.testing.assert_array_equal(rows, [vector("query", "a"), vector("query", "b")])
    assert plain.queries == ["a", "b"]


def test_threads_lose_no_count_and_mix_no_vectors() -> None:
    cached = CachedEmbedder(Fake(), 5)

    def work(seed: int) -> bool:
        texts = [str((seed * 7 + i) % 11) for i in range(40)]
        return all(np.array_equal(cached.embed_query(t), vector("query", t)) for t in texts)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
    assert cached.hits + cached.misses == 16 * 40
    assert len(cached) <= 5


def test_close_forgets_and_closes() -> None:
    fake = Fake()
    cached = CachedEmbedder(fake, 5)
    cached.embed_query("a")
    cached.close()
    assert fake.closed
    assert len(cached) == 0
    assert (cached.model_id, cached.dim) == ("fake", DIM)
