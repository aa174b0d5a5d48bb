"""What this process counted since it began: requests, errors, searches and how long they took.

One count for all who ask: Prometheus reads it as it is, the reporter writes the differences into
the database, where `memory.kpis` makes the KPIs of it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import Protocol

# Upper bounds of the histogram: ms. A quantile is exact to the width of its bucket.
BOUNDS = (
    1.0,
    2.0,
    3.0,
    5.0,
    7.5,
    10.0,
    15.0,
    20.0,
    30.0,
    50.0,
    75.0,
    100.0,
    150.0,
    200.0,
    300.0,
    500.0,
    750.0,
    1000.0,
    2000.0,
    5000.0,
    float("inf"),
)


class Lookups(Protocol):
    """A cache that counts: `hits` answered from it, `misses` that were not."""

    hits: int
    misses: int


@dataclass
class Tally:
    """Counts that only grow.

    Attributes:
        requests: answered, whatever the path.
        errors: of these, with a status of 500 or more.
        searches: answered, over HTTP.
        degraded: of these, by words only because the embedding provider failed.
        search_ms: what they took together.
        counts: how many took at most so long and more than the bound before, as `BOUNDS`.
    """

    requests: int = 0
    errors: int = 0
    searches: int = 0
    degraded: int = 0
    search_ms: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))

    def count_request(self, status: int) -> None:
        """Count an answer."""
        self.requests += 1
        self.errors += status >= 500

    def count_search(self, ms: float, *, degraded: bool) -> None:
        """Count a search that was answered."""
        self.searches += 1
        self.degraded += degraded
        self.search_ms += ms
        self.counts[bisect_left(BOUNDS, ms)] += 1

    def copy(self) -> Tally:
        """The counts of this moment."""
        return replace(self, counts=list(self.counts))
