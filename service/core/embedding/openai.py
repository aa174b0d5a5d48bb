"""Any OpenAI-compatible ``/v1/embeddings`` endpoint: OpenAI, vLLM, Ollama, LM Studio, TEI."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx2
import msgspec
import numpy as np
import stamina

from service.core.embedding.vectors import clean_text, unit_rows
from service.core.errors import ConfigError, EmbeddingError, EmbeddingUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.embedding.port import Vectors

DEFAULT_URL = "https://api.openai.com/v1"
API_KEY_VARIABLE = "OPENAI_API_KEY"  # the variable every OpenAI client reads
# 2,048 texts (OpenAI's most) of 4,096 numbers in JSON stay below this many bytes.
MOST_REPLY_BYTES = 256 << 20
# Payment, key, place and method: nothing a text could change.
_OF_ANY_TEXT = {401, 402, 403, 404, 405, 407}
# How long after a batch took all its time the next ones are given less: seconds.
_STUCK = 60.0


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Item]


class _Transient(Exception):  # noqa: N818 -- never leaves this module
    """A failure that may pass: no connection, 408, 429, 5xx.

    Args:
        short: what it is, in a few words without a text of the caller.
        reason: what it is in full.
        is_away: the provider as a whole is away; otherwise the texts may be to blame.
        retry_after: seconds it wants to be left alone.
    """

    def __init__(
        self, short: str, reason: str, *, is_away: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.short = short
        self.is_away = is_away
        self.retry_after = retry_after


class OpenAIEmbedder:
    """An ``Embedder`` over HTTP.

    The id of its vectors is ``openai/`` and the model's name. The endpoint gets queries and
    documents alike; a model that needs prefixes is better served from an ONNX folder.

    Args:
        model: the name the endpoint knows the model by.
        url: base such as ``http://127.0.0.1:11434/v1``, or the whole ``…/embeddings`` address.
        api_key_file: file that holds the key; without it the variable OPENAI_API_KEY; a server
            that needs no key is asked without one.
        dim: numbers in a vector; when not given, one request asks the endpoint for it, which
            therefore must answer when the service starts.
        batch_size: most texts in one request.
        document_timeout_s: most seconds for one batch of documents, retries included; for a while
            after it was not enough it is at most ``stuck_timeout_s``.
        query_timeout_s: the same for queries; less, because a search falls back to words.
        stuck_timeout_s: while the text is looked for that the endpoint does not answer to.

    Raises:
        ConfigError: the url or the key is wrong.
        EmbeddingUnavailable: ``dim`` was not given and the endpoint did not tell it.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        api_key_file: Path | None = None,
        dim: int | None = None,
        batch_size: int = 32,
        document_timeout_s: float = 30.0,
        query_timeout_s: float = 5.0,
        stuck_timeout_s: float = 8.0,
    ) -> None:
        self._model = model
        self.model_id = f"openai/{model}"
        self._url = _endpoint(url or DEFAULT_URL)
        self._key = _read_key(api_key_file)
        self._batch_size = max(1, batch_size)
        self._document_timeout_s = document_timeout_s
        self._query_timeout_s = query_timeout_s
        self._stuck_timeout_s = stuck_timeout_s
        self._stuck_until = 0.0
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx2.Client(headers=headers)
        self._dim = dim
        if dim is None:
            try:
                self._dim = self._request(["dimension"], query_timeout_s).shape[1]
            except EmbeddingError as error:
                self._client.close()
                raise EmbeddingUnavailable.of(error) from error

    @property
    def dim(self) -> int:
        """Numbers in a vector, from the settings or the endpoint's first answer."""
        return self._dim or 0

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Unit vectors of documents, float32 ``[len(texts), dim]``."""
        began, timeout_s = time.monotonic(), self._document_timeout_s
        if began < self._stuck_until:
            timeout_s = min(timeout_s, self._stuck_timeout_s)
        try:
            return self._embed(texts, timeout_s, is_query=False)
        finally:
            now = time.monotonic()
            if now - began >= timeout_s:
                self._stuck_until = now + _STUCK

    def embed_queries(self, texts: list[str]) -> Vectors:
        """Unit vectors of queries, float32 ``[len(texts), dim]``."""
        return self._embed(texts, self._query_timeout_s, is_query=True)

    def embed_query(self, text: str) -> Vectors:
        """Unit vector of one query, float32 ``[dim]``."""
        vector: Vectors = self.embed_queries([text])[0]
        return vector

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _embed(self, texts: list[str], timeout_s: float, *, is_query: bool) -> Vectors:
        if self._client.is_closed:
            raise EmbeddingError(f"The connection to {self._url} is closed.")
        # OpenAI refuses an empty text; a blank has a vector.
        clean = [clean_text(text) or " " for text in texts]
        size = self._batch_size
        parts = [
            self._request(clean[i : i + size], timeout_s, is_query=is_query)
            for i in range(0, len(clean), size)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)

    def _request(self, texts: list[str], timeout_s: float, *, is_query: bool = True) -> Vectors:
        """One batch, tried until it succeeds, is refused, or its time is over.

        Documents that may be to blame are not tried again here: who embeds them looks for the
        text that is.
        """
        deadline = time.monotonic() + timeout_s

        def worth_retrying(error: Exception) -> bool | float:
            if not isinstance(error, _Transient):
                return False
            if not (is_query or error.is_away):
                return False
            if time.monotonic() + error.retry_after >= deadline:
                return False
            return error.retry_after or True

        try:
            for attempt in stamina.retry_context(
                on=worth_retrying,
                attempts=6,
                timeout=timeout_s,
                wait_initial=0.1,
                wait_max=2.0,
                wait_jitter=0.1,
            ):
                with attempt:
                    body = self._post(texts, deadline, timeout_s / 2 if is_query else timeout_s)
        except _Transient as error:
            message = f"The embedding endpoint {self._url} does not answer: {error.short}."
            hint = f"curl -i {self._url}"
            if error.is_away:
                raise EmbeddingUnavailable(
                    message, detail=str(error), hint=hint, retry_after=error.retry_after
                ) from error
            raise EmbeddingError(message, detail=str(error), hint=hint) from error
        return self._vectors(body, len(texts))

    def _post(self, texts: list[str], deadline: float, most_s: float) -> bytes:
        """One attempt: the body of a 200 answer, within the deadline even when it drips in."""
        left = max(0.05, min(most_s, deadline - time.monotonic()))
        ends = time.monotonic() + left
        body = bytearray()
        request = {"model": self._model, "input": texts, "encoding_format": "float"}
        try:
            with self._client.stream("POST", self._url, json=request, timeout=left) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > ends:
                        raise _Transient(
                            f"not within {left:.1f} s", f"no complete answer within {left:.1f} s"
                        )
                    if len(body) > MOST_REPLY_BYTES:
                        raise self._unusable("its answer has no end")
                if response.status_code != httpx2.codes.OK:
                    raise self._refusal(response, bytes(body))
        except httpx2.TransportError as error:
            is_late = isinstance(error, httpx2.TimeoutException)
            raise _Transient(
                f"not within {left:.1f} s" if is_late else type(error).__name__,
                f"{type(error).__name__}: {error}",
                # what breaks off in the midst may have broken off over a text
                is_away=isinstance(
                    error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
                ),
            ) from error
        except httpx2.DecodingError as error:
            raise self._unusable(str(error)) from error
        return bytes(body)

    def _refusal(self, response: httpx2.Response, body: bytes) -> Exception:
        status = response.status_code
        said = body[:300].decode("utf-8", "replace")
        # Some servers repeat the key they were sent.
        said = said.replace(self._key, "***") if self._key else said
        detail = f"HTTP {status}: {said}"
        if status in {408, 429} or status >= 500:
            asked = _retry_after(response)
            away = status == 429 or asked > 0
            return _Transient(f"HTTP {status}", detail, is_away=away, retry_after=asked)
        # These it would say of any text; of 400, 413, 422 and the rare ones that is to be seen.
        blame = EmbeddingUnavailable if status < 400 or status in _OF_ANY_TEXT else EmbeddingError
        return blame(
            f"The embedding endpoint {self._url} refused: HTTP {status}.",
            detail=detail,
            hint="check model, url and api_key_file under [embedding]",
        )

    def _vectors(self, body: bytes, count: int) -> Vectors:
        try:
            items = msgspec.json.decode(body, type=_Reply).data
        except msgspec.MsgspecError as error:
            raise self._unusable(str(error)) from error
        if any(item.index is not None for item in items):
            items.sort(key=lambda item: item.index or 0)
            if [item.index for item in items] != list(range(count)):
                raise self._unusable(f"{count} texts were sent, other places came back")
        if len(items) != count:
            raise self._unusable(f"{count} texts were sent, {len(items)} vectors came back")
        dims = {len(item.embedding) for item in items}
        dim = self._dim or next(iter(dims))
        if dims != {dim} or dim == 0:
            raise EmbeddingError(
                f"The model {self._model} gives vectors of another dimension.",
                detail=f"Expected {dim}, got {sorted(dims)}.",
                hint="set dim under [embedding] to what the model gives, or leave it out; then:"
                " magray migrate --replace-model",
            )
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
            rows = np.array([item.embedding for item in items], np.float32)
        return unit_rows(rows, self.model_id)

    def _unusable(self, detail: str) -> EmbeddingError:
        return EmbeddingError(
            f"The embedding endpoint {self._url} gave an answer that is not usable.",
            detail=detail,
            hint="check that url under [embedding] is an OpenAI-compatible endpoint",
        )


def _endpoint(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    # A password in the address would be repeated in messages and logs.
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise ConfigError(
            "The embedding url is not an http address without a password.",
            detail="It must look like https://api.openai.com/v1; a key goes into api_key_file.",
            hint="set MAGRAY_EMBEDDING__URL=https://api.openai.com/v1",
        )
    url = url.rstrip("/")
    return url if url.endswith("/embeddings") else f"{url}/embeddings"


def _read_key(file: Path | None) -> str:
    """The key of the file, else of the environment, else an empty string."""
    try:
        key = file.expanduser().read_text("utf-8") if file else os.environ.get(API_KEY_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "The file with the embedding API key cannot be read.",
            detail=f"{file}: {error}",
            hint=f"install -m 600 /dev/null {file}, then write the key into it",
        ) from error
    key = key.strip()
    if (file and not key) or not key.isascii() or not key.isprintable():
        raise ConfigError(
            "The embedding API key is not a key.",
            detail=f"{file or API_KEY_VARIABLE} must hold one line of printable ASCII.",
            hint=f"write the key into {file or API_KEY_VARIABLE}",
        )
    return key


def _retry_after(response: httpx2.Response) -> float:
    """Seconds the server asks to wait, as a number or a date; 0: it does not say."""
    value = response.headers.get("retry-after", "").strip()
    try:
        if value.replace(".", "", 1).isdigit():
            return float(value)
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
