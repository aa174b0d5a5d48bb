"""Statistics the benchmarks share: intervals by bootstrap, timings, ratios of medians.

Every interval is the 95% percentile interval of 2,000 resamples with a fixed seed, so two runs on
the same numbers print the same interval.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 2000
SEED = 0
_LEVELS = (2.5, 97.5)


@dataclass(frozen=True)
class Interval:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


def mean_intervals(values: Floats) -> list[Interval]:
    """The mean of each column of `values`, float [n, m], rows resampled together."""
    count = len(values)
    weights = np.random.default_rng(SEED).multinomial(
        count, np.full(count, 1 / count), size=RESAMPLES
    )
    low, high = np.percentile(weights @ values / count, _LEVELS, axis=0)
    means = values.mean(axis=0)
    return [
        Interval(float(m), float(a), float(b)) for m, a, b in zip(means, low, high, strict=True)
    ]


def median_interval(samples: Floats) -> Interval:
    """The median of independent samples, float [n]."""
    low, high = np.percentile(_resampled_medians(samples, SEED), _LEVELS)
    return Interval(float(np.median(samples)), float(low), float(high))


def ratio_of_medians(samples: Floats, reference: Floats) -> Interval:
    """median(samples) / median(reference), each resampled on its own: float [n] and [m]."""
    ratios = _resampled_medians(samples, SEED) / _resampled_medians(reference, SEED + 1)
    low, high = np.percentile(ratios, _LEVELS)
    return Interval(float(np.median(samples) / np.median(reference)), float(low), float(high))


async def timed(call: Callable[[int], Awaitable[Any]], *, times: int, warmup: int = 5) -> Floats:
    """Milliseconds of `times` calls after `warmup` ones; `call` is given its place from 0 on."""
    taken: list[float] = []
    for place in range(-warmup, times):
        began = time.perf_counter()
        await call(place % times)
        if place >= 0:
            taken.append((time.perf_counter() - began) * 1000)
    return np.asarray(taken, dtype=np.float64)


def _resampled_medians(samples: Floats, seed: int) -> Floats:
    picks = np.random.default_rng(seed).integers(0, len(samples), (RESAMPLES, len(samples)))
    medians: Floats = np.median(samples[picks], axis=1)
    return medians
