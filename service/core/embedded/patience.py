"""Waiting for a server, with a word now and then, and an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.core.embedded.postmaster import LogWatch

_log = structlog.get_logger("magray.embedded")

POLL = 0.02  # seconds between two looks
_REPORT_EVERY = 5.0  # seconds between two progress lines


class Patience:
    """How long a server may take.

    Args:
        seconds: for each thing it is waited for.
        on_progress: called with one line while that takes longer than a few seconds.
    """

    def __init__(self, seconds: float, on_progress: Callable[[str], None] | None) -> None:
        self.seconds = seconds
        self._on_progress = on_progress

    def until(self, done: Callable[[], bool], watch: LogWatch, aim: str) -> None:
        """Wait until it is done.

        Raises:
            PlatformError: it takes too long, with the lines of the log that tell why.
        """
        began = reported = time.monotonic()
        while not done():
            now = time.monotonic()
            if now - began > self.seconds:
                error = watch.failure(f"PostgreSQL has taken more than {self.seconds:.0f} s {aim}.")
                error.hint = "start again: it goes on meanwhile, and magray goes on waiting"
                raise error
            if now - reported > _REPORT_EVERY:
                reported = now
                self._report(f"waiting for PostgreSQL {aim}: {watch.lines()[-1:] or 'no log yet'}")
            time.sleep(POLL)

    def _report(self, line: str) -> None:
        _log.info("embedded_postgres_waiting", progress=line)
        if self._on_progress is not None:
            self._on_progress(line)
