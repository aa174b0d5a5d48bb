"""Made-up memories for speed: clustered unit vectors and sentences of a few hundred common words.

Real embeddings crowd around topics, so vectors are drawn around centres; words follow the law of
Zipf and Mandelbrot from the place on where a stop list ends. Seeded: every run measures the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from service.core.model.memories import NewMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.embedding.port import Vectors

DIM = 384
_CENTRES = 200
_SPREAD = 0.6
_VOCABULARY = 5_000
_FREQUENCY = 1 / (np.arange(_VOCABULARY) + 30)
_FREQUENCY /= _FREQUENCY.sum()
_SENTENCE = 14  # words
_SESSION = 25  # turns
_BATCH = 500
KINDS = ("user_interaction", "learned_context", "documentation")


class Corpus:
    """Vectors, questions and memories from one seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._centres = self._random.normal(size=(_CENTRES, DIM)).astype(np.float32)

    def vectors(self, count: int) -> Vectors:
        """Unit vectors, float32 [count, DIM]."""
        centres = self._centres[self._random.integers(0, _CENTRES, count)]
        drawn = centres + self._random.normal(scale=_SPREAD, size=centres.shape)
        scaled: Vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
        return scaled

    def question(self) -> str:
        """Six words to search for."""
        return self._words(6)

    def batches(
        self, namespace: str, count: int, kinds: tuple[str, ...] = KINDS[:1]
    ) -> Iterator[tuple[list[NewMemory], Vectors]]:
        """Memories of a namespace with their vectors, in batches; kinds take turns."""
        for start in range(0, count, _BATCH):
            places = range(start, min(start + _BATCH, count))
            yield (
                [
                    NewMemory(
                        namespace=namespace,
                        content=f"{self._words(_SENTENCE)} {place}",
                        kind=kinds[place % len(kinds)],
                        session=f"session {place // _SESSION}",
                        metadata={"speaker": ("ann", "ben")[place % 2]},
                    )
                    for place in places
                ],
                self.vectors(len(places)),
            )

    def _words(self, count: int) -> str:
        ranks = self._random.choice(_VOCABULARY, count, p=_FREQUENCY)
        return " ".join(f"word{rank}" for rank in ranks)
