"""What backups and restores cost, against PostgreSQL's own program and against a plain copy.

In a cluster of its own, filled as one that has run for a year: assets of the whole year, insights
of 85 days, interact of 20 hours. Then 2% more come in now, most of them into interact, as people
talk. Everything is written durably, on the same disk.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import numpy as np
from pgvector import HalfVector
from pgvector.psycopg import register_vector_async
from psycopg.types.json import Jsonb

from jobs.backup.instance import start_recovery
from jobs.backup.marks import close_window, make_mark
from jobs.backup.repository import open_repository
from jobs.backup.restore import restore
from jobs.backup.take import take
from jobs.backup.target import Target
from jobs.bench.corpus import DIM, KINDS, Corpus
from service.core.backend import Database, bring_up_to_date
from service.core.database import connect
from service.core.embedded import EmbeddedServer
from service.core.embedded.site import HELD_BACK
from service.core.memory import Operator
from service.core.migrate import Model
from service.core.paths import SQL_DIR
from service.core.settings import BackupSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jobs.backup.catalogue import Manifest
    from jobs.backup.repository import Repository
    from service.core.settings import Settings

# of each kind: share of what is there, how far back it reaches, share of what comes in
_MIX = dict(
    zip(
        KINDS,
        (
            (0.1, timedelta(hours=20), 0.8),
            (0.6, timedelta(days=85), 0.15),
            (0.3, timedelta(days=360), 0.05),
        ),
        strict=True,
    )
)
_NEW = 0.02
_NAMESPACE = 500  # memories
_BEFORE, _AFTER = "before the incremental", "after the incremental"


@dataclass(frozen=True)
class Outcome:
    """One comparison.

    Attributes:
        name: what was measured.
        value: of ours, in the unit.
        against: what it is compared with.
        reference: the value of that.
        unit: s or MB.
    """

    name: str
    value: float
    against: str
    reference: float
    unit: str

    @property
    def ratio(self) -> float:
        """Ours to the other."""
        return self.value / self.reference


async def run(
    settings: Settings, folder: Path, *, count: int, rounds: int, note: Callable[[str], None]
) -> list[Outcome]:
    """Fill, back up, restore, compare.

    Args:
        settings: the policy, and the compression of backups.
        folder: a directory of its own, which the server's user can enter.
        count: memories to store first.
        rounds: how often full and pg_basebackup take turns; medians are told.
        note: called with what is done now.
    """
    server = EmbeddedServer(folder / "data")
    note("starting a cluster")
    await anyio.to_thread.run_sync(server.start)
    try:
        return await _Bench(settings, folder, server, note).run(count, rounds)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: server.stop("immediate", force=True))


class _Bench:
    def __init__(
        self, settings: Settings, folder: Path, server: EmbeddedServer, note: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._server = server
        self._note = note
        self._database = Database(url=server.url(), server=server)
        self._corpus = Corpus()
        self._now = datetime.now(UTC)
        self._stored = 0

    async def run(self, count: int, rounds: int) -> list[Outcome]:
        await self._fill(count)
        backup = BackupSettings(
            # of this cluster, whose incrementals are compared with nothing but themselves
            allow_untrusted_incremental=True,
            compression_level=self._settings.backup.compression_level,
        )
        repository = open_repository(backup, self._server.home, self._server.bin_dir)
        self._note("taking fulls")
        await self._take(repository, "full")  # switches archiving on, warms the cache up
        taken: list[float] = []
        copied: list[float] = []
        for number in range(rounds):
            copied.append(await anyio.to_thread.run_sync(self._copy_plainly, repository, number))
            seconds, full = await self._take(repository, "full")
            taken.append(seconds)
        self._note("storing 2% more")
        for kind, (_, _, share) in _MIX.items():
            await self._store(kind, round(_NEW * share * count), timedelta(0))
        await self._mark(repository, _BEFORE)
        _, incremental = await self._take(repository, "incremental")
        await self._mark(repository, _AFTER)
        self._note("restoring")
        replayed = await anyio.to_thread.run_sync(self._replay_plainly, repository, rounds - 1)
        restored = [await self._restore(repository, name) for name in (_BEFORE, _AFTER)]
        gigabytes = full.bytes / 1e9
        plain = f"a copy of its {gigabytes:.2f} GB and replay"
        return [
            Outcome("full", _median(taken), "pg_basebackup", _median(copied), "s"),
            Outcome("restore of a full and WAL", restored[0], plain, replayed, "s"),
            Outcome("restore of a full, an incremental and WAL", restored[1], plain, replayed, "s"),
            Outcome("restore", restored[0], "a gigabyte", gigabytes, "s"),
            Outcome(
                "incremental after 2% new, stored",
                incremental.stored / 1e6,
                "the full",
                full.stored / 1e6,
                "MB",
            ),
            Outcome(
                "incremental after 2% new, unpacked",
                incremental.bytes / 1e6,
                "the full",
                full.bytes / 1e6,
                "MB",
            ),
        ]

    async def _fill(self, count: int) -> None:
        await bring_up_to_date(self._database, self._settings, Model(name="bench", dim=DIM))
        async with connect(self._database.url, role="memory_owner") as connection:
            operator = Operator(connection)
            while await operator.make_partitions(self._now - _MIX[KINDS[2]][1]):
                pass
        for kind, (share, reach, _) in _MIX.items():
            self._note(f"storing {kind}")
            await self._store(kind, round(share * count), reach)
        self._note("building indexes")
        async with connect(self._database.url) as connection:
            operator = Operator(connection)
            await operator.vacuum(
                "memory_data.interact", "memory_data.insights", "memory_data.assets"
            )
            await operator.build_indexes()

    async def _store(self, kind: str, count: int, reach: timedelta) -> None:
        """Store memories of a kind, the oldest first, evenly over the time."""
        text = (SQL_DIR / "bench" / "backup_fill.sql").read_bytes()
        async with connect(self._database.url, role="memory_owner") as connection:
            await register_vector_async(connection)
            done = 0
            while done < count:
                size = min(_NAMESPACE, count - done)
                self._stored += 1
                name = f"namespace {self._stored}"
                ((memories, vectors),) = self._corpus.batches(name, size, (kind,))
                values: dict[str, Any] = {
                    "namespace": name,
                    "memories": Jsonb([{"content": one.content, "kind": kind} for one in memories]),
                    "embeddings": [HalfVector(row) for row in vectors],
                    "now": self._now - reach * (1 - done / count),
                }
                await connection.execute(text, values)
                done += size

    async def _take(self, repository: Repository, kind: str) -> tuple[float, Manifest]:
        began = time.monotonic()
        made = await take(repository, self._database, kind, why="benchmark")
        return time.monotonic() - began, made

    async def _mark(self, repository: Repository, name: str) -> None:
        await make_mark(repository, self._database, name)
        await close_window(repository, self._database.url)

    def _copy_plainly(self, repository: Repository, number: int) -> float:
        if number:
            shutil.rmtree(self._plain(number - 1))
        arguments = [
            f"--pgdata={self._plain(number)}",
            "--wal-method=none",
            "--checkpoint=fast",
            "--no-password",
            f"--dbname={self._database.url}",
        ]
        began = time.monotonic()
        repository.programs.run("pg_basebackup", arguments)
        return time.monotonic() - began

    def _plain(self, number: int) -> Path:
        return self._folder / f"plain-{number}"

    def _replay_plainly(self, repository: Repository, number: int) -> float:
        """Copy the newest plain backup, and let PostgreSQL replay WAL that lies there unpacked."""
        wal = self._folder / "wal"
        wal.mkdir()
        (system,) = repository.wal.systems()
        listing = repository.wal.listing(system)
        for one in listing.segments.values():
            (wal / one.name).write_bytes(repository.wal.read(one, system))
        into = self._folder / "copied"
        into.mkdir()
        (into / HELD_BACK).write_text("{}")
        server = EmbeddedServer(into)
        server.account.owns(wal)
        began = time.monotonic()
        shutil.copytree(self._plain(number), server.pgdata)
        server.account.owns(server.pgdata)
        options = {
            "restore_command": f"cp {wal}/%f %p",
            "recovery_target_name": _BEFORE,
            "recovery_target_action": "promote",
        }
        running = start_recovery(server, options, True, None, self._folder / "system")
        seconds = time.monotonic() - began
        running.stop("immediate", force=True)
        return seconds

    async def _restore(self, repository: Repository, name: str) -> float:
        began = time.monotonic()
        into = self._folder / name.replace(" ", "-")
        await restore(repository, Target(name=name), into)
        seconds = time.monotonic() - began
        await anyio.to_thread.run_sync(shutil.rmtree, into)
        return seconds


def _median(samples: list[float]) -> float:
    return float(np.median(samples))
