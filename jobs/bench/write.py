"""What writing costs as a layer grows: the same batches over HTTP, the index builder in between.

Memories bring their vectors, in namespaces of 450, so that one partition grows far beyond
`index_rows` and none of its namespaces is ever searched by HNSW. After every part the partitions
are vacuumed and what memory.plan_indexes plans is done, as autovacuum and the service do.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from jobs.bench.client import service
from jobs.bench.corpus import Corpus
from service.core.database import connect
from service.core.keys import create_key
from service.core.memory import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobs.scratch import Scratch
    from jobs.statistics import Floats

PARTS = 4
BATCH = 150  # memories a request
SIZE = 450  # memories a namespace


@dataclass(frozen=True)
class Part:
    """A part of the memories.

    Attributes:
        seconds: of each request that stored `BATCH` of them.
        indexes: statements of the index builder after it.
    """

    seconds: Floats
    indexes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Memories a second, by the median request."""
        return BATCH / float(np.median(self.seconds))


async def measure(
    scratch: Scratch, *, memories: int, ttl: str | None, advance: Callable[[int], None]
) -> list[Part]:
    """Store memories over HTTP in `PARTS` equal parts.

    Args:
        scratch: empty.
        memories: how many at all, rounded to whole requests.
        ttl: of each memory; None: its layer's own.
        advance: told how many more are stored.
    """
    async with connect(scratch.database.url, role="memory_owner") as connection:
        key = await create_key(Operator(connection), "bench", namespaces=["*"], scopes=["write"])
    requests = _requests(ttl)
    parts = []
    with service(scratch.database.url, key, jobs=False) as client:
        for _ in range(PARTS):
            seconds = []
            for _ in range(max(memories // PARTS // BATCH, 1)):
                body = next(requests)
                began = time.perf_counter()
                await asyncio.to_thread(client.post, "/v1/memories", body)
                seconds.append(time.perf_counter() - began)
                advance(BATCH)
            parts.append(Part(np.array(seconds), await _look_after(scratch)))
    return parts


async def _look_after(scratch: Scratch) -> list[str]:
    async with connect(scratch.database.url) as connection:
        await Operator(connection).vacuum()
    async with connect(scratch.database.url, role="memory_owner") as connection:
        return await Operator(connection).build_indexes()


def _requests(ttl: str | None) -> Iterator[bytes]:
    """Bodies of requests without end, three a namespace."""
    corpus = Corpus()
    for place in itertools.count():
        for memories, vectors in corpus.batches(f"n-{place}", SIZE):
            stored = [
                {
                    "namespace": one.namespace,
                    "content": one.content,
                    "kind": one.kind,
                    "session": one.session,
                    "metadata": one.metadata,
                    "embedding": vector.tolist(),
                    **({"ttl": ttl} if ttl else {}),
                }
                for one, vector in zip(memories, vectors, strict=True)
            ]
            for start in range(0, len(stored), BATCH):
                yield msgspec.json.encode({"memories": stored[start : start + BATCH]})
