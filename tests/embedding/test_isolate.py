"""One bad text fails alone, a provider that is away blames none: against a real HTTP server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from service.core.embedding import isolate
from service.core.embedding.cache import CachedEmbedder
from service.core.embedding.isolate import (
    Embedded,
    embed_each,
    embed_each_query,
    probe,
    probe_query,
)
from service.core.embedding.openai import OpenAIEmbedder
from service.core.errors import EmbeddingError, EmbeddingUnavailable
from tests.embedding.endpoint import fixed, status, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.embedding.endpoint import Answer, Endpoint

    Answering = Callable[[dict[str, Any]], Answer]


def _broken(place: int, number: Any) -> Answering:
    """A number of every vector is another one."""

    def answer(request: dict[str, Any]) -> Answer:
        code, headers, content = vectors(request)
        for item in content["data"]:
            item["embedding"][place] = number
        return code, headers, content

    return answer


FAULTS: dict[str, Answering] = {
    "500": status(500),
    "502": status(502),
    "400": status(400),
    "408": status(408),
    "413": status(413),
    "418": status(418),
    "422": status(422),
    "breaks off": fixed(b"", content_length="999", connection="close"),
    "html": fixed(b"<html>"),
    "fewer": lambda request: vectors({"input": request["input"][1:]}),
    "more": lambda request: vectors({"input": [*request["input"], "x"]}),
    "dimension": lambda request: vectors(request, dim=3),
    "nan": _broken(1, float("nan")),
    "infinite": _broken(1, 1e308),
    "null": _broken(1, None),
    "text": _broken(1, "much"),
    "zeros": lambda r: fixed({"data": [{"embedding": [0, 0, 0, 0]} for _ in r["input"]]})(r),
}


def when(is_bad: Callable[[str], bool], fault: Answering) -> Answering:
    """The fault for every request with such a text."""
    return lambda request: (fault if any(map(is_bad, request["input"])) else vectors)(request)


@pytest.fixture
def embedder(endpoint: Endpoint) -> Iterator[CachedEmbedder]:
    made = OpenAIEmbedder(
        "m",
        url=endpoint.url,
        dim=4,
        batch_size=16,
        document_timeout_s=1.5,
        query_timeout_s=1.5,
        stuck_timeout_s=1.5,
    )
    embedder = CachedEmbedder(made, 100)
    yield embedder
    embedder.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_texts_fail_alone(endpoint: Endpoint, embedder: CachedEmbedder, fault: str) -> None:
    endpoint.otherwise = when(lambda text: "bad" in text, FAULTS[fault])
    texts = [f"text {number}{' bad' if number in (2, 9) else ''}" for number in range(11)]
    for _ in range(2):  # nothing bad is remembered
        outcomes = embed_each(embedder, texts)
        for text, outcome in zip(texts, outcomes, strict=True):
            if "bad" in text:
                assert isinstance(outcome, EmbeddingError)
                assert not isinstance(outcome, EmbeddingUnavailable)
                assert "text" not in outcome.message
            else:
                assert isinstance(outcome, Embedded)
                assert outcome.characters is None
                assert np.isclose(outcome.vector[0] / outcome.vector[1], len(text), rtol=1e-5)
    # mended meanwhile
    endpoint.otherwise = vectors
    assert all(isinstance(one, Embedded) for one in embed_each(embedder, texts))


@pytest.mark.parametrize("fault", [*FAULTS, "401", "402", "403", "404", "429"])
def test_a_provider_that_fails_for_all_blames_no_text(
    endpoint: Endpoint, embedder: CachedEmbedder, fault: str
) -> None:
    endpoint.otherwise = FAULTS.get(fault) or status(int(fault), retry_after="60")
    for outcome in embed_each(embedder, [f"text {number}" for number in range(11)]):
        assert isinstance(outcome, EmbeddingUnavailable)
    # one for the batch, one for a word nobody objects to
    assert len(endpoint.seen) <= 2
    assert probe(embedder) is not None
    assert probe_query(embedder) is not None
    endpoint.otherwise = vectors
    assert probe(embedder) is probe_query(embedder) is None


def test_a_text_it_never_answers_to_holds_up_the_others_for_a_while_only(
    endpoint: Endpoint, embedder: CachedEmbedder
) -> None:
    release = threading.Event()

    def stuck(request: dict[str, Any]) -> Answer:
        release.wait(60)
        return vectors(request)

    endpoint.otherwise = when(lambda text: "bad" in text, stuck)
    try:
        outcomes = embed_each(embedder, ["one", "two", "bad", "three"])
    finally:
        release.set()
    assert [isinstance(one, Embedded) for one in outcomes] == [True, True, False, True]
    assert not isinstance(outcomes[2], EmbeddingUnavailable)


@pytest.mark.parametrize("code", [400, 413, 422, 500])
@pytest.mark.parametrize("most", [250, 700, 3_000])
def test_a_text_that_is_too_long_is_halved_until_it_is_taken(
    endpoint: Endpoint, embedder: CachedEmbedder, code: int, most: int
) -> None:
    endpoint.otherwise = when(lambda text: len(text) > most, status(code))
    long = "word " * 1_000
    first, cut, last = embed_each(embedder, ["one", long, "two"])
    assert isinstance(first, Embedded)
    assert isinstance(last, Embedded)
    assert isinstance(cut, Embedded)
    assert cut.characters is not None
    assert most / 2 <= cut.characters <= most
    assert cut.reason is not None
    assert str(code) in cut.reason
    assert np.isclose(cut.vector[0] / cut.vector[1], cut.characters, rtol=1e-3)


def test_chance_shortens_nothing(endpoint: Endpoint, embedder: CachedEmbedder) -> None:
    endpoint.script = [status(500)]
    (whole,) = embed_each(embedder, ["word " * 1_000])
    assert isinstance(whole, Embedded)
    assert whole.characters is None


def test_what_no_model_is_sent_is_not_called_missing(
    endpoint: Endpoint, embedder: CachedEmbedder
) -> None:
    endpoint.script = [status(500)]
    (whole,) = embed_each(embedder, ["word " * 10_000])
    assert isinstance(whole, Embedded)
    assert whole.characters is None


def test_a_text_that_failed_before_begins_shorter(
    endpoint: Endpoint, embedder: CachedEmbedder
) -> None:
    endpoint.otherwise = when(lambda text: "word" in text, status(500))
    embed_each(embedder, ["word " * 1_000], [2])
    lengths = [len(text) for _, _, body in endpoint.seen for text in body["input"]]
    assert lengths == [5_000, 9, 1_250, 625, 312, 156, 9]


def test_what_there_was_before_it_went_away_is_kept(
    endpoint: Endpoint, embedder: CachedEmbedder
) -> None:
    # the batch, the word, the first part; then it is gone
    endpoint.script = [status(500), vectors, vectors]
    endpoint.otherwise = status(503, retry_after="30")
    outcomes = embed_each(embedder, [f"text {number}" for number in range(8)])
    assert [isinstance(one, Embedded) for one in outcomes] == [True] * 2 + [False] * 6
    for one in outcomes[2:]:
        assert isinstance(one, EmbeddingUnavailable)
        assert one.retry_after == 30


def test_a_bad_query_fails_alone_too(endpoint: Endpoint, embedder: CachedEmbedder) -> None:
    endpoint.otherwise = when(lambda text: "bad" in text, status(422))
    good, bad, fine = embed_each_query(embedder, ["one", "bad", "two"])
    assert isinstance(good, Embedded)
    assert isinstance(fine, Embedded)
    assert isinstance(bad, EmbeddingError)
    assert len([True for _, _, body in endpoint.seen if "dimension" in body["input"]]) == 0


def test_no_texts_are_no_outcomes(embedder: CachedEmbedder) -> None:
    assert embed_each(embedder, []) == []
    assert embed_each_query(embedder, []) == []


def test_a_text_there_was_no_time_for_is_not_said_to_be_bad(
    endpoint: Endpoint, embedder: OpenAIEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolate, "_LONGEST_SEARCH", -1.0)
    endpoint.otherwise = when(lambda text: text == "bad", status(400))
    outcomes = embed_each(embedder, ["bad", "good one", "good two", "good three", "good four"])
    for outcome in outcomes:
        assert isinstance(outcome, EmbeddingError)
        assert "not tried alone yet" in outcome.message
