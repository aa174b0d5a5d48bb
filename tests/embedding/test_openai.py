"""The OpenAI-compatible provider against a real HTTP server on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from service.core.embedding.openai import OpenAIEmbedder
from service.core.errors import ConfigError, EmbeddingError, EmbeddingUnavailable
from tests.embedding.endpoint import Handler, fixed, status, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.embedding.endpoint import Answer, Endpoint


@pytest.fixture
def embedder(endpoint: Endpoint) -> Iterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder("test-model", url=endpoint.url, dim=4, batch_size=2)
    yield embedder
    embedder.close()


def test_batches_order_and_length(endpoint: Endpoint, embedder: OpenAIEmbedder) -> None:
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    rows = embedder.embed_documents(texts)
    assert rows.shape == (5, 4)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], [1, 2, 3, 4, 5], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    assert [len(body["input"]) for _, _, body in endpoint.seen] == [2, 2, 1]
    assert {path for path, _, _ in endpoint.seen} == {"/v1/embeddings"}
    assert endpoint.seen[0][2]["model"] == "test-model"
    assert embedder.model_id == "openai/test-model"
    assert embedder.embed_query("a").shape == (4,)
    assert embedder.embed_documents([]).shape == (0, 4)


def test_nul_goes_and_an_empty_text_becomes_a_blank(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    embedder.embed_documents(["a\0b", ""])
    assert endpoint.seen[0][2]["input"] == ["ab", " "]


def test_the_dimension_is_asked_for_when_not_given(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder("m", url=f"{endpoint.url}/embeddings")
    assert embedder.dim == 4
    embedder.close()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("7.5", 7.5),
        (timedelta(hours=2), 7200),
        ("yesterday", 0),
        ("-3", 0),
        (timedelta(hours=-2), 0),
    ],
)
def test_how_long_it_wants_to_be_left_alone_is_told(
    endpoint: Endpoint, embedder: OpenAIEmbedder, said: str | timedelta, seconds: float
) -> None:
    """As a number, or as a date so far from now."""
    if isinstance(said, timedelta):
        said = format_datetime(datetime.now(UTC) + said, usegmt=True)
    endpoint.otherwise = status(429, retry_after=said)
    with pytest.raises(EmbeddingUnavailable) as caught:
        embedder._request(["a"], 0.2)
    assert caught.value.retry_after == pytest.approx(seconds, abs=120 if seconds > 99 else 0)


@pytest.mark.parametrize("code", [500, 503, 408])
def test_a_passing_failure_is_retried(
    endpoint: Endpoint, embedder: OpenAIEmbedder, code: int
) -> None:
    endpoint.script = [status(code), status(code)]
    assert embedder.embed_query("a").shape == (4,)
    assert len(endpoint.seen) == 3


def test_a_dropped_connection_is_retried(endpoint: Endpoint, embedder: OpenAIEmbedder) -> None:
    endpoint.script = [fixed(b"", content_length="999", connection="close")]
    assert embedder.embed_query("a").shape == (4,)
    assert len(endpoint.seen) == 2


def test_429_waits_as_long_as_it_is_told(endpoint: Endpoint, embedder: OpenAIEmbedder) -> None:
    endpoint.script = [status(429, retry_after="1")]
    start = time.monotonic()
    assert embedder.embed_query("a").shape == (4,)
    assert time.monotonic() - start >= 1.0
    assert len(endpoint.seen) == 2


def test_429_for_longer_than_there_is_time_fails_at_once(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    endpoint.script = [status(429, retry_after="3600")]
    with pytest.raises(EmbeddingUnavailable, match="does not answer") as caught:
        embedder.embed_query("a")
    assert "429" in caught.value.detail
    assert len(endpoint.seen) == 1


def test_a_slow_endpoint_is_left_in_time(endpoint: Endpoint) -> None:
    release = threading.Event()

    def slow(request: dict[str, Any]) -> Answer:
        release.wait(30)
        return vectors(request)

    endpoint.script = [slow] * 20
    embedder = OpenAIEmbedder("m", url=endpoint.url, dim=4, query_timeout_s=0.4)
    with pytest.raises(EmbeddingError, match="does not answer: not within"):
        embedder.embed_query("a")
    # The server has not answered anything yet: the client left by its own clock.
    assert not release.is_set()
    release.set()
    embedder.close()


def test_an_answer_that_drips_is_left_in_time(endpoint: Endpoint) -> None:
    stop = threading.Event()

    class Dripping(Handler):
        def do_POST(self) -> None:  # noqa: N802
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "100000")
            self.end_headers()
            try:
                while not stop.wait(0.02):
                    self.wfile.write(b" ")
            except ConnectionError:
                self.close_connection = True

    endpoint.RequestHandlerClass = Dripping
    embedder = OpenAIEmbedder("m", url=endpoint.url, dim=4, query_timeout_s=0.4)
    with pytest.raises(EmbeddingError) as caught:
        embedder.embed_query("a")
    assert "no complete answer" in caught.value.detail
    stop.set()
    embedder.close()


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        embedder = OpenAIEmbedder("m", url=url, dim=4, query_timeout_s=0.3)
        with pytest.raises(EmbeddingUnavailable, match="does not answer") as caught:
            embedder.embed_query("a")
        assert caught.value.hint.startswith("curl")
        with pytest.raises(EmbeddingUnavailable):
            OpenAIEmbedder("m", url=url, query_timeout_s=0.3)
        embedder.close()


def test_a_refused_text_is_told_from_a_refused_client(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    endpoint.script = [status(400), status(401), status(302, location="http://elsewhere.invalid")]
    with pytest.raises(EmbeddingError, match="refused") as caught:
        embedder.embed_query("a")
    assert not isinstance(caught.value, EmbeddingUnavailable)
    assert "said 400" in caught.value.detail
    for _ in range(2):
        with pytest.raises(EmbeddingUnavailable, match="refused"):
            embedder.embed_query("a")
    assert len(endpoint.seen) == 3  # none of them is worth a retry


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda r: vectors(r, dim=3), "another dimension"),
        (lambda r: vectors({"input": r["input"][1:]}), "not usable"),
        (lambda r: vectors({"input": [*r["input"], "x"]}), "not usable"),
        (fixed({"data": [{"embedding": [1, 0, 0, 0]}]}), "not usable"),
        (fixed({"data": []}), "not usable"),
        (fixed(b"<html>"), "not usable"),
        (fixed(b"not gzip", content_encoding="gzip"), "not usable"),
        (fixed({"object": "list"}), "not usable"),
        (
            fixed({"data": [{"embedding": [0, 0, 0, 0]}] * 2}),
            "without a direction",
        ),
    ],
    ids=["dim", "fewer", "more", "one", "empty", "html", "encoding", "no-data", "zero"],
)
def test_a_wrong_answer_is_an_error_and_never_a_vector(
    endpoint: Endpoint,
    embedder: OpenAIEmbedder,
    answer: Callable[[dict[str, Any]], Answer],
    message: str,
) -> None:
    endpoint.script = [answer]
    with pytest.raises(EmbeddingError, match=message):
        embedder.embed_documents(["a", "b"])
    assert len(endpoint.seen) == 1


def test_answers_without_an_index_are_taken_in_order(
    endpoint: Endpoint, embedder: OpenAIEmbedder
) -> None:
    endpoint.script = [fixed({"data": [{"embedding": [1, 0, 0, 0]}, {"embedding": [0, 2, 0, 0]}]})]
    rows = embedder.embed_documents(["a", "b"])
    np.testing.assert_array_equal(rows, [[1, 0, 0, 0], [0, 1, 0, 0]])


def test_the_key_comes_from_the_file_then_the_environment_then_not_at_all(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("sk-file\n")
    OpenAIEmbedder("m", url=endpoint.url).close()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    OpenAIEmbedder("m", url=endpoint.url).close()
    OpenAIEmbedder("m", url=endpoint.url, api_key_file=file).close()
    assert [key for _, key, _ in endpoint.seen] == [None, "Bearer sk-env", "Bearer sk-file"]


def test_the_key_is_not_repeated_in_errors(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    endpoint.script = [fixed({"error": "wrong key sk-secret"}, 401)]
    with pytest.raises(EmbeddingError) as caught:
        OpenAIEmbedder("m", url=endpoint.url)
    assert "wrong key ***" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"two\nlines", "ключ".encode(), b"\xff"])
def test_a_bad_key_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="key") as caught:
        OpenAIEmbedder("m", url="http://127.0.0.1:9", api_key_file=file, dim=4)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://x/v1", "localhost:8000", "http://", "http://u:p@h/v1", "http://h:x"]
)
def test_a_bad_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        OpenAIEmbedder("m", url=url, dim=4)


def test_a_closed_client_says_so(embedder: OpenAIEmbedder) -> None:
    embedder.close()
    with pytest.raises(EmbeddingError, match="closed"):
        embedder.embed_query("a")
