"""Spares searches a provider that fails: after a few failures it is not asked for a while.

No library: of those on PyPI (pybreaker, circuitbreaker, purgatory, aiobreaker) each lets the next
call through when its time is up, so every minute some search would pay the provider's whole time;
here a word of our own is asked (`MicroBatcher._recover`), and `Retry-After` says how long to wait.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from service.core.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

# Failures in a row before the provider is no longer asked.
_FAILURES = 3
# Between two questions whether it answers again, doubled each time: seconds. The first is asked
# at once, for it may have been the texts.
_SHORTEST, _LONGEST = 0.5, 60.0
# What a provider may ask for by `Retry-After`: seconds.
_LONGEST_ASKED = 3600.0


class Breaker:
    """Whether to ask the provider; belongs to one event loop.

    Args:
        clock: seconds, growing.

    Attributes:
        error: why it is not asked; None: it is.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self.error: EmbeddingUnavailable | None = None
        self._until = 0.0
        self._pause = 0.0
        self._asked_until = 0.0

    @property
    def wait_s(self) -> float:
        """Seconds until it is worth asking whether it answers again."""
        return max(0.0, self._until - self._clock())

    @property
    def asked_to_wait_s(self) -> float:
        """Seconds the provider itself still wants to be left alone."""
        return max(0.0, self._asked_until - self._clock())

    def refusal(self) -> EmbeddingUnavailable | None:
        """What a search is told that is not asked for; None: ask."""
        if self.error is None:
            return None
        again = datetime.now(UTC) + timedelta(seconds=self.wait_s)
        return EmbeddingUnavailable(
            f"{self.error.message} It is not asked again before {again:%H:%M:%S} UTC.",
            detail=self.error.detail,
            hint=self.error.hint,
            retry_after=self.asked_to_wait_s,
        )

    def succeeded(self) -> None:
        """The provider answered in time."""
        self._failures, self.error, self._pause, self._asked_until = 0, None, 0.0, 0.0

    def failed(self, error: Exception) -> None:
        """It did not; whether the text is to blame is not known."""
        self._failures += 1
        away = EmbeddingUnavailable.of(error)
        if self._failures >= _FAILURES or away.retry_after:
            self.open(away)

    def open(self, error: EmbeddingUnavailable) -> None:
        """It does not answer, whatever it is asked."""
        asked = min(error.retry_after, _LONGEST_ASKED)
        now = self._clock()
        if asked:
            self._asked_until = max(self._asked_until, now + asked)
        if self.error is not None and not asked and now < self._until:
            return  # it is known, and when to ask again
        self.error = error
        self._until = now + max(self._pause, asked)
        self._pause = min(max(_SHORTEST, self._pause * 2), _LONGEST)
