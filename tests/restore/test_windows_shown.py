"""The database tells the end of what can be restored as `magray backup info` does."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from jobs.backup.status import summary
from service.background.backup_mirror import BackupMirror
from service.core.database import make_pool
from service.core.memory import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from tests.restore.places import Place


@asynccontextmanager
async def mirroring(place: Place) -> AsyncIterator[tuple[BackupMirror, Watch]]:
    mirror = BackupMirror(place.database, lambda: place.repository, place.server.home)
    async with make_pool(place.server.url(), size=1, role="memory_operator") as pool:
        yield mirror, Watch(pool, mirror.refresh)
        await mirror.close()


def known(place: Place) -> datetime:
    """What the repository alone says."""
    until: datetime = summary(place.repository)["windows"][-1]["until"]
    return until


def seen(place: Place) -> Any:
    """What an analyst sees."""
    (row,) = place.sql("select distinct restorable_until from memory.backups")
    return row[0]


def archive_something(place: Place) -> datetime:
    place.write()
    place.close_window()
    return known(place)


def test_the_end_moves_with_each_archived_segment(make_place: Callable[..., Place]) -> None:
    place = make_place()
    place.write()
    place.take("full")

    async def asked() -> None:
        async with mirroring(place) as (mirror, watch):
            ends = []
            for _ in range(3):
                ends.append(await asyncio.to_thread(archive_something, place))
                # as HTTP, Prometheus and the dashboard ask
                told = {kpi.kpi: kpi for kpi in await watch.kpis()}
                assert told["restorable_until"].value == pytest.approx(ends[-1].timestamp())
                assert seen(place) == ends[-1]
            assert ends == sorted(set(ends))
            # what the stream received and nobody archived yet counts as well
            system = str(place.repository.wal.systems().pop())
            stream = place.server.home / "wal-stream" / system
            stream.mkdir(parents=True)
            place.write()
            (name,) = place.sql("select pg_walfile_name(pg_current_wal_flush_lsn())")[0]
            shutil.copy(place.server.pgdata / "pg_wal" / name, stream / f"{name}.partial")
            assert known(place) > ends[-1]
            await mirror.refresh()
            assert seen(place) == known(place)

    async def by_itself() -> None:
        async with mirroring(place) as (mirror, _), mirror.running():
            await asyncio.to_thread(archive_something, place)
            began = time.monotonic()
            while await asyncio.to_thread(seen, place) != known(place):
                assert time.monotonic() - began < 60
                await asyncio.sleep(0.1)

    asyncio.run(asked())
    asyncio.run(by_itself())
