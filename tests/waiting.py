"""Waiting for something that comes true by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(
    is_so: Callable[[], object],
    what: str,
    *,
    seconds: float = 120,
    pause: float = 0.1,
    passing: tuple[type[Exception], ...] = (),
) -> None:
    """Ask again and again until the answer is true; errors in `passing` count as no."""
    end, last = time.monotonic() + seconds, ""
    while True:
        try:
            if is_so():
                return
        except passing as error:
            last = str(error)
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what} {last}"
        time.sleep(pause)
