"""The embedding port: what the service asks of a provider, and what it may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Vectors: TypeAlias = npt.NDArray[np.float32]


class Embedder(Protocol):
    """A model that turns text into unit vectors.

    Implementations are synchronous and thread-safe: the service calls them in worker threads.

    Attributes:
        model_id: stored with every vector; vectors of two ids are never compared.
        dim: numbers in a vector.
    """

    @property
    def model_id(self) -> str: ...  # noqa: D102

    @property
    def dim(self) -> int: ...  # noqa: D102

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Vectors of texts to be stored: float32 ``[len(texts), dim]``, rows of length 1.

        Raises:
            EmbeddingUnavailable: the provider does not answer.
            EmbeddingError: at least one of these texts cannot be embedded, or it cannot be told
                whether they or the provider are to blame.
        """
        ...

    def embed_query(self, text: str) -> Vectors:
        """Vector of a text to search with: float32 ``[dim]`` of length 1; errors as above."""
        ...

    def close(self) -> None:
        """Free the model or the connection; a later call raises EmbeddingError."""
        ...


@runtime_checkable
class BatchesQueries(Protocol):
    """An embedder that takes several queries in one call cheaper than one by one."""

    def embed_queries(self, texts: list[str]) -> Vectors:
        """Vectors of queries: float32 ``[len(texts), dim]``, rows of length 1."""
        ...


def embed_queries(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Vectors of several queries, in one call where the embedder can: float32 ``[n, dim]``."""
    if isinstance(embedder, BatchesQueries):
        return embedder.embed_queries(list(texts))
    if not texts:
        return np.empty((0, embedder.dim), np.float32)
    return np.stack([embedder.embed_query(text) for text in texts])
