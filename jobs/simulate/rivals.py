"""What the policies of caches miss on a trace at the same bytes.

LRU and LFU come from cachetools. The others come from libcachesim when it is installed: it is a
development tool under the GPL, never part of this program.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachetools import LFUCache, LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.simulate.trace import Trace

# Name here -> class of libcachesim: the best of its policies, by traces of many kinds.
POLICIES = {
    "FIFO": "FIFO",
    "ARC": "ARC",
    "2Q": "TwoQ",
    "LIRS": "LIRS",
    "S3-FIFO": "S3FIFO",
    "SIEVE": "Sieve",
    "W-TinyLFU": "WTinyLFU",
    "GDSF": "GDSF",
    "LHD": "LHD",
}
# Bytes below which some of them end the process or admit nothing: parts of the budget become 0.
_LEAST = 100
_STEP = 1024  # requests between two calls of `advance`


@dataclass(frozen=True)
class Misses:
    """Shares missed of the requests and of their bytes."""

    objects: float
    bytes: float


def has_libcachesim() -> bool:
    """Whether the other policies can be run."""
    return importlib.util.find_spec("libcachesim") is not None


def policy_names(budget: int) -> list[str]:
    """The policies that can be run here with so many bytes."""
    return ["LRU", "LFU", *(POLICIES if has_libcachesim() and budget >= _LEAST else ())]


def run_policy(name: str, trace: Trace, budget: int, advance: Callable[[int], None]) -> Misses:
    """Replay a trace through one policy.

    Args:
        name: one of `policy_names(budget)`.
        trace: what is asked for.
        budget: bytes it may hold.
        advance: told how many requests were done since the last time.
    """
    hit = _cachetools(name, budget) if name in ("LRU", "LFU") else _libcachesim(name, budget)
    missed = missed_bytes = 0
    requests = zip(trace.objects.tolist(), trace.sizes.tolist(), strict=True)
    for place, (number, size) in enumerate(requests, 1):
        if not hit(number, size):
            missed += 1
            missed_bytes += size
        if place % _STEP == 0:
            advance(_STEP)
    advance(len(trace.objects) % _STEP)
    return Misses(missed / len(trace.objects), missed_bytes / int(trace.sizes.sum()))


def _cachetools(name: str, budget: int) -> Callable[[int, int], bool]:
    kind = LRUCache if name == "LRU" else LFUCache
    cache: Any = kind(maxsize=budget, getsizeof=lambda size: size)

    def hit(number: int, size: int) -> bool:
        if cache.get(number) is not None:
            return True
        if size <= budget:
            cache[number] = size
        return False

    return hit


def _libcachesim(name: str, budget: int) -> Callable[[int, int], bool]:
    library: Any = importlib.import_module("libcachesim")
    cache = getattr(library, POLICIES[name])(cache_size=budget)
    request = library.Request()

    def hit(number: int, size: int) -> bool:
        request.obj_id = number + 1
        request.obj_size = size
        return bool(cache.get(request))

    return hit
