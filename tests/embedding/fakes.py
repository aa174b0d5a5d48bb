"""A small deterministic embedder whose calls can be watched, held and made to fail."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import numpy as np

from service.core.errors import EmbeddingError, EmbeddingUnavailable

if TYPE_CHECKING:
    from service.core.embedding.port import Vectors

DIM = 8


def vector(role: str, text: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(f"{role}:{text}".encode()).digest()[:8], "big")
    row = np.random.default_rng(seed).normal(size=DIM)
    return np.asarray(row / np.linalg.norm(row), np.float32)


class Fake:
    """Texts with "poison" fail, "down" takes the provider down, "hold" waits for ``gate``."""

    def __init__(self, model_id: str = "fake") -> None:
        self.model_id = model_id
        self.dim = DIM
        self.calls: list[tuple[str, list[str]]] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.held = threading.Event()
        self.closed = False

    def embed_documents(self, texts: list[str]) -> Vectors:
        return self._embed("document", texts)

    def embed_queries(self, texts: list[str]) -> Vectors:
        return self._embed("query", texts)

    def embed_query(self, text: str) -> Vectors:
        row: Vectors = self.embed_queries([text])[0]
        return row

    def close(self) -> None:
        self.closed = True

    def _embed(self, role: str, texts: list[str]) -> Vectors:
        self.calls.append((role, list(texts)))
        self.threads.add(threading.current_thread().name)
        if any(text.startswith("hold") for text in texts):
            self.held.set()
            assert self.gate.wait(30)
        if any("down" in text for text in texts):
            raise EmbeddingUnavailable("down")
        if any("poison" in text for text in texts):
            raise EmbeddingError("poison")
        return np.stack([vector(role, text) for text in texts])

    def called_with(self, role: str) -> list[list[str]]:
        return [texts for called, texts in self.calls if called == role]


class OneByOne:
    """The port and nothing more: no ``embed_queries``."""

    model_id = "one"
    dim = DIM

    def __init__(self) -> None:
        self.queries: list[str] = []

    def embed_documents(self, texts: list[str]) -> Vectors:
        return np.stack([vector("document", text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return vector("query", text)

    def close(self) -> None:
        pass
