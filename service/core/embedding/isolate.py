"""Finds the text that is to blame when a batch fails, so that no other text suffers for it.

A provider that fails says seldom why: HTTP 500, no answer in time, too few vectors may mean this
text or any text. So another one is asked first, a word nobody objects to. If that fails too the
provider is away and no text is to blame. Otherwise the batch is asked in parts, down to the single
text, and that is halved until the provider accepts it: most are longer than the model is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from service.core.embedding.cache import CachedEmbedder
from service.core.embedding.port import embed_queries
from service.core.embedding.vectors import MAX_CHARS, checked
from service.core.errors import EmbeddingError, EmbeddingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from service.core.embedding.port import Embedder, Vectors

PROBE = "dimension"
# A failed batch is asked again in so many parts: fewer requests than one by one where the provider
# refuses at once, fewer rounds than halves where each one costs its whole time.
_PARTS = 4
# No model takes less than this many characters, about 25 tokens.
_SHORTEST = 100
# How long the others may be held up while the texts of one batch are told apart: seconds. What is
# not told apart by then is tried again later, each text alone.
_LONGEST_SEARCH = 20.0
_LONGEST_QUERY = 1.0
# The same for shortening one text: a provider that is stuck over it would be for each length.
_LONGEST_SHORTENING = 5.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of a text.

    Attributes:
        vector: float32 ``[dim]``.
        characters: the vector is of so many characters, the first ones; None: of the whole text.
        reason: what the provider said to more.
    """

    vector: Vectors
    characters: int | None = None
    reason: str | None = None


#: EmbeddingUnavailable: the provider is away. Any other error: this text is to blame.
Outcome: TypeAlias = Embedded | Exception


def probe(embedder: Embedder) -> EmbeddingUnavailable | None:
    """Why the provider embeds nothing at all, asked now and past any cache; None: it does."""
    asked = _uncached(embedder)
    return _fault(lambda: checked(asked.embed_documents([PROBE]), 1, asked.dim))


def probe_query(embedder: Embedder) -> EmbeddingUnavailable | None:
    """The same within the time a search has."""
    asked = _uncached(embedder)
    return _fault(lambda: checked(asked.embed_query(PROBE)[None], 1, asked.dim))


def embed_each(
    embedder: Embedder, texts: Sequence[str], attempts: Sequence[int] = ()
) -> list[Outcome]:
    """The outcome of each document, in the order given.

    Args:
        embedder: called from this thread.
        texts: one bad one fails alone.
        attempts: how often each failed before; the more often, the shorter it is tried.
    """
    search = _Search(embedder.embed_documents, embedder.dim, lambda: probe(embedder))
    return search.run(list(texts), list(attempts) or [0] * len(texts))


def embed_each_query(embedder: Embedder, texts: Sequence[str]) -> list[Outcome]:
    """The outcome of each query: as of documents, but told apart only as fast as a search may be.

    Which of them the provider is away for is left open: each is an error of its own then.
    """
    search = _Search(lambda some: embed_queries(embedder, some), embedder.dim, None)
    return search.run(list(texts), [0] * len(texts))


def reason_of(error: Exception) -> str:
    """Why a text was not embedded; of an error that is not ours only its kind, for it may quote."""
    return error.message if isinstance(error, EmbeddingError) else type(error).__name__


class _Search:
    """The search for the texts to blame among those of one batch."""

    def __init__(
        self,
        embed: Callable[[list[str]], Vectors],
        dim: int,
        ask_another: Callable[[], EmbeddingUnavailable | None] | None,
    ) -> None:
        self._embed = embed
        self._dim = dim
        self._ask_another = ask_another
        # of queries, all of it; of documents it begins anew once the provider is known to be there
        self._ends = time.monotonic() + _LONGEST_QUERY
        self._away: EmbeddingUnavailable | None = None

    def run(self, texts: list[str], attempts: list[int]) -> list[Outcome]:
        if not texts:
            return []
        try:
            return self._together(texts)
        except EmbeddingUnavailable as error:
            return [error] * len(texts)
        except Exception as error:
            if self._ask_another is not None:
                self._away = self._ask_another()
                if self._away is not None:
                    return [self._away] * len(texts)
                self._ends = time.monotonic() + _LONGEST_SEARCH
            return self._apart(texts, attempts, error)

    def _together(self, texts: list[str]) -> list[Outcome]:
        return [Embedded(row) for row in checked(self._embed(texts), len(texts), self._dim)]

    def _apart(self, texts: list[str], attempts: list[int], error: Exception) -> list[Outcome]:
        """Outcomes of texts that failed together."""
        if len(texts) == 1:
            return [self._alone(texts[0], attempts[0], error)]
        outcomes: list[Outcome] = []
        size = -(-len(texts) // _PARTS)
        for start in range(0, len(texts), size):
            part, tries = texts[start : start + size], attempts[start : start + size]
            if self._away is not None or self._is_over():
                outcomes += [self._away or _untried(error)] * len(part)
                continue
            try:
                outcomes += self._together(part)
            except EmbeddingUnavailable as away:
                self._away = away
                outcomes += [away] * len(part)
            except Exception as found:
                outcomes += self._apart(part, tries, found)
        return outcomes

    def _alone(self, text: str, attempts: int, error: Exception) -> Outcome:
        """Outcome of a text that failed alone: once more, for it may have been chance, or less."""
        ends = min(self._ends, time.monotonic() + _LONGEST_SHORTENING)
        why = reason_of(error)
        for length in _lengths(text, attempts):
            if time.monotonic() > ends:
                break
            try:
                (row,) = checked(self._embed([text[:length]]), 1, self._dim)
            except EmbeddingUnavailable as away:
                self._away = away
                return away
            except Exception as found:
                error = found
            else:
                return Embedded(row) if length >= len(text) else Embedded(row, length, why)
        if self._ask_another is not None:
            self._away = self._ask_another()
        return self._away or error

    def _is_over(self) -> bool:
        return time.monotonic() > self._ends


def _untried(error: Exception) -> EmbeddingError:
    """What is told of a text there was no time for: not that it is to blame."""
    return EmbeddingError(f"Its batch failed, and it was not tried alone yet. {reason_of(error)}")


def _lengths(text: str, attempts: int) -> Iterator[int]:
    """Numbers of characters to try: all, half, a quarter …, fewer from the start each attempt."""
    length = min(len(text), MAX_CHARS)
    for _ in range(attempts):
        if length // 2 < _SHORTEST:
            break
        length //= 2
    # what no model is sent is not missing from its vector
    yield len(text) if length == MAX_CHARS else length
    while length // 2 >= _SHORTEST:
        length //= 2
        yield length


def _uncached(embedder: Embedder) -> Embedder:
    return embedder.uncached if isinstance(embedder, CachedEmbedder) else embedder


def _fault(ask: Callable[[], object]) -> EmbeddingUnavailable | None:
    try:
        ask()
    except Exception as error:
        return EmbeddingUnavailable.of(error)
    return None
