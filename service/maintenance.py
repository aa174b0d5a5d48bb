"""The house-keeping that must go on while the service runs: partitions ahead, earned indexes.

All of it is SQL; here is only the clock. Two services may do the same: the functions take
try-locks, and an index that is being built elsewhere is left alone.
"""

from __future__ import annotations

import asyncio

import psycopg
import structlog

from service.database import connect
from service.memory import Operator
from service.tasks import end

log = structlog.get_logger("magray.maintenance")

_INTERVAL = 60.0  # seconds


class Maintenance:
    """Runs the jobs that keep the tables usable, every minute.

    Args:
        url: a login that may act as `memory_owner`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="maintenance")

    async def stop(self) -> None:
        """End; an index being built is dropped and built anew next time."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                async with connect(self._url, role="memory_owner") as connection:
                    await run_once(Operator(connection))
            except psycopg.Error as error:
                log.warning("maintenance failed", error=str(error).splitlines()[0])
            await asyncio.sleep(_INTERVAL)


async def run_once(operator: Operator) -> None:
    """Make partitions, purge idempotency keys, build earned indexes."""
    for partition in await operator.make_partitions():
        log.info("partition made", name=partition["partition_name"])
    await operator.purge_expired_keys()
    for statement in await operator.build_indexes():
        log.info("index built", statement=statement)
