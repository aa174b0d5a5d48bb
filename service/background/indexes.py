"""Builds the search indexes partitions have earned, while the service runs.

Not a job of the schedule: CREATE INDEX CONCURRENTLY, which blocks no writer, runs outside of any
transaction, and so in no function. An index that is being built elsewhere is left alone, and so is
a database whose jobs are switched off.
"""

from __future__ import annotations

import asyncio

import psycopg
import structlog

from service.core.database import connect
from service.core.memory import Jobs, Operator
from service.core.tasks import end

log = structlog.get_logger("magray.indexes")

_INTERVAL = 60.0  # seconds


class IndexBuilder:
    """Looks every minute whether an index is to be built.

    Args:
        url: a login that may act as `memory_owner`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="index builder")

    async def stop(self) -> None:
        """End; an index being built is dropped and built anew next time."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                async with connect(self._url, role="memory_owner") as connection:
                    if (await Jobs(connection).runner()).runner != "nobody":
                        for statement in await Operator(connection).build_indexes():
                            log.info("index built", statement=statement)
            except psycopg.Error as error:
                log.warning("no index built", error=str(error).splitlines()[0])
            await asyncio.sleep(_INTERVAL)
