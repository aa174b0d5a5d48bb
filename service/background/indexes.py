"""Builds the search indexes partitions have earned, while the service runs.

Not a job of the schedule: CREATE INDEX CONCURRENTLY, which blocks no writer, runs outside of any
transaction, and so in no function. An index that is being built elsewhere is left alone, and so is
a database whose jobs are switched off.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from service.core.database import connect
from service.core.memory import Jobs, Operator
from service.core.repeat import every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = structlog.get_logger("magray.indexes")

_INTERVAL = 60.0  # seconds


class IndexBuilder:
    """Looks every minute whether an index is to be built.

    Args:
        url: a login that may act as `memory_owner`.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Build; an index being built at the end is dropped and built anew next time."""
        async with every(
            _INTERVAL, self._build, name="index builder", log=log, trouble="no index built"
        ):
            yield

    async def _build(self) -> None:
        async with connect(self._url, role="memory_owner") as connection:
            if (await Jobs(connection).runner()).runner != "nobody":
                for statement in await Operator(connection).build_indexes():
                    log.info("index built", statement=statement)
