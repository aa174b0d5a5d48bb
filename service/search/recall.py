"""A search from question to answer: query cache, embedding, database, use counted and noted."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from prometheus_client import Counter

from service.core.errors import EmbeddingError
from service.core.memory import to_vector
from service.core.model.memories import SearchAnswer
from service.search.query_cache import key_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from service.background.touches import TouchBuffer
    from service.core.embedding.batcher import MicroBatcher
    from service.core.memory import Memory
    from service.core.model.memories import SearchRequest
    from service.core.tally import Tally
    from service.search.query_cache import QueryCache

log = structlog.get_logger("magray.recall")

SEARCHES = Counter(
    "magray_searches",
    "Searches by where the answer came from; words only: the embedding provider failed.",
    ["source"],
)


class Recall:
    """Answers searches.

    Args:
        memory: the database's functions.
        batcher: embeds questions; None: words only.
        cache: recent answers.
        touches: counts what was found as used, and notes what was asked.
        tally: counts searches, and how long they take.
        slow_ms: searches that take longer are told in the log; 0: none are.
    """

    def __init__(
        self,
        memory: Memory,
        batcher: MicroBatcher | None,
        cache: QueryCache,
        touches: TouchBuffer,
        tally: Tally,
        *,
        slow_ms: float = 0,
    ) -> None:
        self._memory = memory
        self._batcher = batcher
        self._cache = cache
        self._touches = touches
        self._tally = tally
        self._slow_ms = slow_ms

    async def search(self, request: SearchRequest) -> SearchAnswer:
        """The answer to a request; without its vector, and saying so, when the provider fails."""
        began = time.perf_counter()
        key = key_of(request)
        hits = await self._cache.find(key, request.namespace)
        cached, degraded = hits is not None, None
        if hits is None:
            vector, degraded = await self._vector(request)
            hits, token = await self._memory.search(request, vector)
            if degraded is None:
                self._cache.keep(key, hits, token)
            if request.touch and vector is not None:
                self._touches.note_query(request.namespace, vector)
        if request.touch:
            self._touches.add(
                request.namespace,
                (hit.id for hit in hits),
                session=request.session,
                source="search",
            )
        SEARCHES.labels("cache" if cached else "words only" if degraded else "database").inc()
        if degraded is not None and request.explain:
            hits = [
                msgspec.structs.replace(hit, explain={**(hit.explain or {}), "degraded": degraded})
                for hit in hits
            ]
        took = (time.perf_counter() - began) * 1000
        self._tally.count_search(took, degraded=degraded is not None)
        if 0 < self._slow_ms < took:
            log.warning("slow search", ms=round(took), cached=cached, **_shape(request))
        return SearchAnswer(results=hits, cached=cached, degraded=degraded)

    async def _vector(
        self, request: SearchRequest
    ) -> tuple[NDArray[np.float32] | None, str | None]:
        if request.embedding is not None:
            return to_vector(request.embedding), None
        if self._batcher is None or not request.query or not request.query.strip():
            return None, None
        try:
            return await self._batcher.embed_query(request.query), None
        except EmbeddingError as error:
            log.warning("searching by words only", error=error.message)
            return None, error.message


def _shape(request: SearchRequest) -> dict[str, Any]:
    """What a slow search was like, without anything of its caller: the namespace only as a hash."""
    return {
        "namespace": hashlib.sha256(request.namespace.encode()).hexdigest()[:12],
        "words": len((request.query or "").split()),
        "vector": request.embedding is not None,
        "top_k": request.top_k,
        "filters": sorted(msgspec.to_builtins(request.filters)),
    }
