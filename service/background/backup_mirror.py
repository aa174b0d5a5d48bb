"""What the database shows of backups, kept as fresh as `magray backup info`.

The instants that can be restored end with the last commit that is archived, which only the archived
WAL itself tells. So it is read, and the answer mirrored, whenever another segment came.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from psycopg import AsyncConnection

from jobs.backup.status import mirror
from service.core.database import service_conninfo
from service.core.memory import Backups
from service.core.repeat import every

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from jobs.backup.repository import Repository
    from service.core.backend import Database
    from service.core.model.backups import Archived

log = structlog.get_logger("magray.backups")

_INTERVAL = 1.0  # seconds between two looks whether WAL was archived
_SHARE = 10  # looking for what is archived takes at most this part of the time
_PAUSE = 10.0  # seconds until a look that failed is repeated


class BackupMirror:
    """Mirrors the catalogue and the restorable windows whenever WAL was archived.

    Args:
        database: that shows them.
        repository: opens where the backups lie.
        home: where `magray backup stream` puts its folder.
    """

    def __init__(
        self, database: Database, repository: Callable[[], Repository], home: Path
    ) -> None:
        self._database = database
        self._repository = repository
        self._stream = home / "wal-stream"
        self._connection: AsyncConnection[Any] | None = None
        self._seen: tuple[Any, ...] | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every second."""
        async with every(
            _INTERVAL, self._look, name="backup mirror", log=log, trouble="mirror stands still"
        ):
            yield

    async def close(self) -> None:
        """Give its connection back."""
        if self._connection is not None:
            await self._connection.close()

    async def refresh(self) -> None:
        """Let the database say what is true now; where that cannot be known it stays as it is."""
        async with self._lock:
            if time.monotonic() < self._not_before:
                return
            try:
                await self._refresh()
            except Exception as error:
                self._not_before = time.monotonic() + _PAUSE
                log.warning("restorable instants not updated", error=str(error))

    async def _refresh(self) -> None:
        # asked before the WAL is read: what comes meanwhile is seen the next time
        seen = (await self._archived(), _changed(self._stream))
        if seen != self._seen:
            await mirror(self._repository(), self._database)
            self._seen = seen

    async def _archived(self) -> Archived:
        if self._connection is None or self._connection.closed:
            conninfo = service_conninfo(self._database.url, role="memory_operator", timeout="10s")
            self._connection = await AsyncConnection.connect(
                conninfo, autocommit=True, connect_timeout=5
            )
        try:
            return await Backups(self._connection).archived()
        except Exception:
            await self._connection.close()
            raise

    async def _look(self) -> float:
        began = time.monotonic()
        await self.refresh()
        return max(_INTERVAL, _SHARE * (time.monotonic() - began))


def _changed(stream: Path) -> int:
    """When WAL was last received, in nanoseconds; 0: never."""
    return max((path.stat().st_mtime_ns for path in stream.glob("*/*")), default=0)
