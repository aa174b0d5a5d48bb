"""The archive's jobs in the transaction of a state machine: its clock, and a store that fails.

The jobs are the real ones, with obstore's store in memory. What they commit statement by statement
is one transaction here; as nothing is rolled back when a job dies, the database stands as after a
crash.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from obstore.store import MemoryStore

from jobs.archive import parquet, write
from jobs.archive.restore import Restored, restore
from jobs.storage.store import Store
from service.core.errors import StorageError
from service.core.memory import Archive
from service.core.memory.calls import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg import Connection

# functions of the archive that are told the time
_CLOCKED = ("restore_outbox", "restore_archived", "register_archive", "replace_archive")


class MortalStore(Store):
    """A store in memory that refuses everything after so many calls; None: never."""

    def __init__(self) -> None:
        super().__init__("memory:///", "local", MemoryStore(), None)
        self.calls_left: int | None = None

    async def put_verified(self, name: str, data: bytes, *, replace: bool = False) -> None:
        self._count(name)
        await super().put_verified(name, data, replace=replace)

    async def get(self, name: str) -> bytes:
        self._count(name)
        return await super().get(name)

    async def delete(self, name: str) -> None:
        self._count(name)
        await super().delete(name)

    def _count(self, name: str) -> None:
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left < 0:
                raise StorageError(f"the store is away: {name}")


class Archiver:
    """The archive's jobs on a session that is not theirs alone.

    Args:
        db: the session, in a transaction.
    """

    def __init__(self, db: Connection[Any]) -> None:
        self._db = db
        self.store = MortalStore()

    def clocked(self, now: datetime) -> Archive:
        """The archive's functions at a moment."""
        return _ClockedArchive(self._db, now)

    def run(self, now: datetime, *, file_rows: int, calls: int | None) -> bool:
        """The job of every ten minutes; False when the store did not let it do everything."""
        self.store.calls_left = calls
        archive = self.clocked(now)
        try:
            outcome = asyncio.run(
                write.run(archive, self.store, file_rows=file_rows, file_bytes=1 << 20)
            )
        except StorageError:
            return False
        finally:
            self.store.calls_left = None
        assert calls is not None or not outcome.problems
        return not outcome.problems

    def restore(
        self, now: datetime, namespace: str, ids: Sequence[UUID] | None, *, dry_run: bool
    ) -> Restored:
        archive = self.clocked(now)
        return asyncio.run(restore(archive, self.store, namespace, ids=ids, dry_run=dry_run))

    def files(self) -> dict[str, list[tuple[str, str]]]:
        """What lies in the store: namespace and id of every row of every file."""
        return asyncio.run(self._read())

    async def _read(self) -> dict[str, list[tuple[str, str]]]:
        found = {}
        for one in await self.store.names(""):
            rows = parquet.read(one.name, await self.store.get(one.name)).to_pylist()
            found[one.name] = [(row["namespace"], row["id"]) for row in rows]
        return found


class _ClockedArchive(Archive):
    """The archive's functions with the machine's time instead of the server's."""

    def __init__(self, db: Connection[Any], now: datetime) -> None:
        self._call, self._binary = (_Clocked(db, now, binary=one) for one in (False, True))


class _Clocked(Caller):
    def __init__(self, db: Connection[Any], now: datetime, *, binary: bool) -> None:
        self._db = db
        self._now = now
        self._binary = binary

    async def rows(self, function: str, row: Any, /, **parameters: Any) -> list[Any]:
        return await super().rows(function, row, **self._timed(function, parameters))

    async def run(self, function: str, /, **parameters: Any) -> int:
        return await super().run(function, **self._timed(function, parameters))

    def _timed(self, function: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return parameters | ({"p_now": self._now} if function in _CLOCKED else {})

    async def _fetch(self, factory: Any, text: bytes, values: Mapping[str, Any]) -> list[Any]:
        with self._db.cursor(row_factory=factory, binary=self._binary) as cursor:
            return cursor.execute(text, values).fetchall()
