"""What Prometheus reads at /metrics beside the requests that Litestar's plugin counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.embedding.cache import CachedEmbedder
    from service.query_cache import QueryCache

SEARCHES = Counter(
    "magray_searches",
    "Searches by where the answer came from; words only: the embedding provider failed.",
    ["source"],
)
REMEMBERED = Counter("magray_memories_remembered", "Memories written.", ["result"])


class CacheCollector(Collector):
    """Hits and misses of the embedding and the query cache, read when Prometheus asks."""

    def __init__(self, embedder: CachedEmbedder | None, queries: QueryCache) -> None:
        self._embedder = embedder
        self._queries = queries

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One family, labelled by cache and result."""
        family = CounterMetricFamily(
            "magray_cache_lookups", "Look-ups of a cache.", labels=["cache", "result"]
        )
        caches = {"query": self._queries, "embedding": self._embedder}
        for name, cache in caches.items():
            if cache is not None:
                family.add_metric([name, "hit"], cache.hits)
                family.add_metric([name, "miss"], cache.misses)
        yield family

    def __enter__(self) -> CacheCollector:
        REGISTRY.register(self)
        return self

    def __exit__(self, *_: object) -> None:
        REGISTRY.unregister(self)
