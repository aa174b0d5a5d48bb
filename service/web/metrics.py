"""What Prometheus reads at /metrics beside the requests that accounting counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from service.core.tally import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.core.model.watch import Kpi
    from service.core.tally import Lookups, Tally

REMEMBERED = Counter("magray_memories_remembered", "Memories written.", ["result"])


class _Registered(Collector):
    """A collector that Prometheus asks within a `with` block."""

    def __enter__(self) -> Self:
        REGISTRY.register(self)
        return self

    def __exit__(self, *_: object) -> None:
        REGISTRY.unregister(self)


class CacheCollector(_Registered):
    """Hits and misses of the embedding and the query cache, read when Prometheus asks."""

    def __init__(self, embedder: Lookups | None, queries: Lookups) -> None:
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


class TallyCollector(_Registered):
    """How long searches took, as a histogram in seconds."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """One family; its buckets add up, as Prometheus wants them."""
        upto = 0
        buckets = []
        for bound, count in zip(BOUNDS, self._tally.counts, strict=True):
            upto += count
            buckets.append((f"{bound / 1000:g}" if bound < float("inf") else "+Inf", upto))
        yield HistogramMetricFamily(
            "magray_search_seconds",
            "Searches over HTTP, embedding included.",
            buckets=buckets,
            sum_value=self._tally.search_ms / 1000,
        )


class KpiCollector(_Registered):
    """The KPIs of `memory.kpis`, as gauges `magray_kpi_…` by scope.

    Attributes:
        kpis: what to show; empty while the database is away.
    """

    def __init__(self) -> None:
        self.kpis: list[Kpi] = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A family a KPI; what nothing was measured for is missing."""
        yield GaugeMetricFamily(
            "magray_kpis_known", "Whether the database told the KPIs.", value=bool(self.kpis)
        )
        families: dict[str, GaugeMetricFamily] = {}
        for one in self.kpis:
            if one.value is None:
                continue
            family = families.setdefault(
                one.kpi,
                GaugeMetricFamily(
                    f"magray_kpi_{one.kpi}", f"{one.meaning} Unit: {one.unit}.", labels=["scope"]
                ),
            )
            family.add_metric([one.scope], one.value)
        yield from families.values()
