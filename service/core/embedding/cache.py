"""Vectors of texts seen lately, so that the same text is not embedded twice."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from cachetools import LRUCache

from service.core.embedding.port import embed_queries
from service.core.embedding.vectors import checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.core.embedding.port import Embedder, Vectors

Role: TypeAlias = Literal["document", "query"]
_Key: TypeAlias = tuple[str, Role, bytes]


class CachedEmbedder:
    """An ``Embedder`` that remembers the vectors of another one, least recently used go first.

    An entry is ``dim`` float32 and about 0.5 kB of key and bookkeeping: 2 kB at 384 dimensions,
    so 10,000 entries are 20 MB. Texts themselves are not kept, only their sha256.

    Args:
        embedder: asked for what is not remembered; ``close`` closes it too.
        size: most entries, queries and documents together; 0 remembers nothing.

    Attributes:
        hits: texts answered without the model, since the start.
        misses: texts the model was asked for.
    """

    def __init__(self, embedder: Embedder, size: int) -> None:
        self._embedder = embedder
        self._entries: LRUCache[_Key, Vectors] = LRUCache(maxsize=max(0, size))
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    @property
    def model_id(self) -> str:
        """The wrapped embedder's id."""
        return self._embedder.model_id

    @property
    def dim(self) -> int:
        """The wrapped embedder's dimension."""
        return self._embedder.dim

    @property
    def uncached(self) -> Embedder:
        """The wrapped embedder, asked whatever is remembered."""
        return self._embedder

    def __len__(self) -> int:
        return len(self._entries)

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Unit vectors of documents, float32 ``[len(texts), dim]``; embeds only the unknown."""
        return self._embed("document", texts, self._embedder.embed_documents)

    def embed_queries(self, texts: list[str]) -> Vectors:
        """Unit vectors of queries, float32 ``[len(texts), dim]``; embeds only the unknown."""
        return self._embed("query", texts, lambda new: embed_queries(self._embedder, new))

    def embed_query(self, text: str) -> Vectors:
        """Unit vector of one query, float32 ``[dim]``."""
        vector: Vectors = self.embed_queries([text])[0]
        return vector

    def remembered_query(self, text: str) -> Vectors | None:
        """The vector of a query if it is remembered (a hit); never asks the model."""
        key = self._key("query", text)
        with self._lock:
            vector = self._entries.get(key)
            if vector is None:
                return None
            self.hits += 1
        return vector.copy()

    def close(self) -> None:
        """Forget everything and close the wrapped embedder."""
        with self._lock:
            self._entries.clear()
        self._embedder.close()

    def _embed(
        self, role: Role, texts: list[str], embed: Callable[[list[str]], Vectors]
    ) -> Vectors:
        keys = [self._key(role, text) for text in texts]
        with self._lock:
            known = {key: found for key in keys if (found := self._entries.get(key)) is not None}
            # A text that stands twice in one call is embedded once.
            unknown = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            self.misses += len(unknown)
            self.hits += len(texts) - len(unknown)
        if unknown:
            # Copies: a row alone would keep the matrix of its whole batch in memory.
            rows = checked(embed(list(unknown.values())), len(unknown), self.dim)
            fresh = [row.copy() for row in rows]
            known.update(zip(unknown, fresh, strict=True))
            with self._lock:
                if self._entries.maxsize:
                    self._entries.update(zip(unknown, fresh, strict=True))
        if not keys:
            return np.empty((0, self.dim), np.float32)
        return np.stack([known[key] for key in keys])

    def _key(self, role: Role, text: str) -> _Key:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return self.model_id, role, digest
