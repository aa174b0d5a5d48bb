"""Backups while the service runs: when one is due, and those somebody asked for over HTTP.

When: a full every `full_hours` once there is one, an incremental after `incremental_mb` of WAL, a
snapshot when the service is stopped, a compressed one under memory pressure (at most one a day), a
drill when the last proof is `drill_days` old. The rules are in `due`, which looks at nothing else.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
import structlog

from jobs.backup.chain import parent_for
from jobs.backup.drill import drill
from jobs.backup.errors import BusyError, MissingError
from jobs.backup.marks import close_window
from jobs.backup.prune import prune
from jobs.backup.repository import open_repository
from jobs.backup.restore import restore
from jobs.backup.status import mirror
from jobs.backup.take import take
from jobs.backup.verify import verify
from jobs.backup.wal import parse_lsn
from service.database import connect
from service.errors import MagrayError
from service.memory import Backups
from service.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from jobs.backup.catalogue import Catalogue
    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from service.backend import Backend

log = structlog.get_logger("magray.backups")

_INTERVAL = 60.0  # seconds; also how far back the last restorable instant may lie
_NOTE_EVERY = 1.0  # seconds between two notes of a run's progress
_CALM = timedelta(days=1)  # between two backups for pressure: the level may flap
_MB = 1 << 20


@dataclass(frozen=True)
class Moment:
    """What decides whether something is due.

    Attributes:
        newest_full: when the newest restorable full was complete.
        newest_compressed: the same of the kind compressed.
        proven: when a chain was last proved.
        wal_bytes: written since the newest backup began.
        pressure: whether memory pressure is high.
    """

    now: datetime
    newest_full: datetime | None
    newest_compressed: datetime | None
    proven: datetime | None
    wal_bytes: int
    pressure: bool = False


def due(moment: Moment, *, full_hours: float, incremental_mb: int, drill_days: float) -> str | None:
    """What to do now: full, incremental, compressed, drill or nothing; one thing at a time."""
    full = moment.newest_full
    if full is None:
        return None  # nobody has set backups up
    if full_hours and moment.now - full >= timedelta(hours=full_hours):
        return "full"
    compressed = moment.newest_compressed
    if moment.pressure and (compressed is None or moment.now - compressed >= _CALM):
        return "compressed"
    if incremental_mb and moment.wal_bytes >= incremental_mb * _MB:
        return "incremental"
    since = moment.proven or full
    if drill_days and moment.now - since >= timedelta(days=drill_days):
        return "drill"
    return None


class BackupKeeper:
    """Takes what is due, and what is asked for, one after the other.

    Args:
        backend: the database and the settings.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._settings = backend.settings.backup
        self._task: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self.pressure = False

    def start(self) -> None:
        """Begin to look every minute."""
        if self.is_possible:
            self._task = asyncio.create_task(self._run(), name="backups")

    async def stop(self) -> None:
        """End; with a snapshot first, if that is wanted, within its budget."""
        await end(self._task)
        for task in list(self._asked):
            await end(task)
        if self._settings.snapshot_on_shutdown and self.is_possible:
            await self._snapshot()

    @property
    def is_possible(self) -> bool:
        """Whether this service knows where backups go, and serves no held back cluster."""
        server = self._backend.database.server
        if server is None:
            return self._settings.directory is not None
        return not server.is_held_back

    def repository(self) -> Repository:
        """Where they go.

        Raises:
            MissingError: nobody said where.
        """
        database = self._backend.database
        if not self.is_possible:
            raise MissingError(
                "this service makes no backups",
                detail="It serves a database that is not its own, and backup.directory is not set.",
                hint="set backup.directory in magray.toml",
            )
        home = database.server.home if database.server else self._backend.settings.data_dir
        return open_repository(self._settings, home, database.bin_dir)

    async def begin(self, action: str, request: dict[str, Any]) -> UUID:
        """Begin a run; it goes on by itself, and tells how it gets on.

        Args:
            action: backup, verify, restore or drill.
            request: its kind, or backup, or target; as it came.
        """
        work = self._work(action, request)
        async with self._operator() as backups:
            run = await backups.begin_run(action, request)
        task = asyncio.create_task(self._follow(run, work), name=f"backup run {run}")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return run

    async def backups(self) -> list[dict[str, Any]]:
        """The backups, newest first."""
        async with self._operator() as backups:
            return await backups.listed()

    async def runs(self, run: UUID | None = None) -> list[dict[str, Any]]:
        """The latest runs, or one."""
        async with self._operator() as backups:
            return await backups.runs(50, run)

    @asynccontextmanager
    async def _operator(self) -> AsyncIterator[Backups]:
        async with connect(self._backend.database.url, role="memory_operator") as connection:
            yield Backups(connection)

    def _work(self, action: str, request: dict[str, Any]) -> _Work:
        repository = self.repository()
        if action == "verify":
            repository.catalogue().get(request["id"])

            def verified() -> list[Any]:
                return list(verify(repository, [request["id"]]))

            async def look(_: Any) -> dict[str, Any]:
                found = await anyio.to_thread.run_sync(verified)
                return {"findings": [asdict(one) for one in found]}

            return look
        if action == "backup":
            return lambda tell: self._take(repository, request["kind"], "asked for", tell)
        return lambda tell: self._prove(repository, tell)

    async def begin_restore(self, target: Target, name: str, request: dict[str, Any]) -> UUID:
        """Begin a restore into the folder `restores/<name>` of the data directory."""
        repository = self.repository()
        into = self._backend.settings.data_dir.absolute() / "restores" / name
        async with self._operator() as backups:
            run = await backups.begin_run("restore", request)

        async def work(tell: Any) -> dict[str, Any]:
            await close_window(repository, self._backend.database.url)
            return asdict(await restore(repository, target, into, progress=tell))

        task = asyncio.create_task(self._follow(run, work), name=f"restore {run}")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return run

    async def _take(
        self, repository: Repository, kind: str, why: str, tell: Any, budget: float | None = None
    ) -> dict[str, Any]:
        database = self._backend.database
        made = await take(repository, database, kind, why=why, progress=tell, budget=budget)
        if made.stands_alone:
            await anyio.to_thread.run_sync(
                lambda: prune(repository, datetime.now(UTC), dry_run=False)
            )
        await mirror(repository, database)
        return {"id": made.id, "kind": made.kind, "reason": made.reason}

    async def _prove(self, repository: Repository, tell: Any) -> dict[str, Any]:
        proof = asdict(await drill(repository, progress=tell))
        await mirror(repository, self._backend.database)
        return proof

    async def _follow(self, run: UUID, work: _Work) -> None:
        """Do the work, and note how it gets on and how it ends."""
        progress = _Progress()
        result = error = None
        note = asyncio.create_task(self._note(run, progress))
        try:
            result = await work(progress.tell)
        except MagrayError as failed:
            error = {"code": failed.code, "message": failed.message, "detail": failed.detail,
                     "hint": failed.hint}  # fmt: skip
            log.warning("backup run failed", run=str(run), **error)
        except Exception as failed:
            error = {"code": "ML500", "message": "something went wrong here"}
            log.exception("backup run failed", run=str(run), exc_info=failed)
        finally:
            await end(note)
        told = None if result is None else msgspec.to_builtins(result)
        async with self._operator() as backups:
            await backups.note_run(run, *progress.last, result=told, error=error)

    async def _note(self, run: UUID, progress: _Progress) -> None:
        async with self._operator() as backups:
            while True:
                await asyncio.sleep(_NOTE_EVERY)
                await backups.note_run(run, *progress.last)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self._look()
            except BusyError as error:
                log.info("backup put off", cause=error.message)
            except MagrayError as error:
                log.warning("backup failed", error=error.message, detail=error.detail)
            except Exception as error:
                log.exception("backup failed", exc_info=error)

    async def _look(self) -> None:
        repository = self.repository()
        known = await anyio.to_thread.run_sync(repository.catalogue)
        if not known.backups:
            return
        database, settings = self._backend.database, self._settings
        await close_window(repository, database.url)
        if repository.cloud is not None:
            await anyio.to_thread.run_sync(_ship_wal, repository, known)
        async with connect(database.url) as connection:
            facts = await Backups(connection).facts()
        moment = moment_of(facts, known, pressure=self.pressure)
        action = due(
            moment, full_hours=settings.full_hours, incremental_mb=settings.incremental_mb,
            drill_days=settings.drill_days,
        )  # fmt: skip
        if action == "drill":
            await self._prove(repository, _silent)
        elif action is not None:
            await self._take(repository, action, f"due: {action}", _silent)

    async def _snapshot(self) -> None:
        budget = self._settings.shutdown_seconds
        began = time.monotonic()
        try:
            async with asyncio.timeout(budget):
                await take(self.repository(), self._backend.database, "snapshot",
                           why="shutdown", budget=budget)  # fmt: skip
        except (MagrayError, TimeoutError) as error:
            log.warning("no snapshot at the shutdown", error=str(error).partition("\n")[0])
        else:
            log.info("snapshot taken", seconds=round(time.monotonic() - began, 1))


def moment_of(facts: dict[str, Any], known: Catalogue, *, pressure: bool) -> Moment:
    """What decides, from a server's facts and the catalogue."""
    ours = [one for one in known.backups
            if one.manifest.system == facts["system"] and one.fault is None]  # fmt: skip
    newest = parent_for(facts, known.backups)
    since = 0 if newest is None else parse_lsn(newest.manifest.start_lsn)
    same = newest is not None and newest.manifest.timeline == facts["timeline"]
    kinds: dict[str, Callable[[str], bool]] = {
        "full": lambda kind: kind in ("full", "snapshot"),
        "compressed": lambda kind: kind == "compressed",
    }
    latest = {
        name: max((one.manifest.stopped_at for one in ours if fits(one.manifest.kind)),
                  default=None)
        for name, fits in kinds.items()
    }  # fmt: skip
    proven = [one.verdict.proven_at for one in ours if one.verdict.proven_at is not None]
    return Moment(
        now=facts["now"],
        newest_full=latest["full"],
        newest_compressed=latest["compressed"],
        proven=max(proven, default=None),
        wal_bytes=parse_lsn(facts["lsn"]) - since if same else 0,
        pressure=pressure,
    )


def _ship_wal(repository: Repository, known: Catalogue) -> None:
    """What is archived here goes to the bucket as well: that alone has to be enough."""
    if repository.cloud is None:
        return
    for system in {one.manifest.system for one in known.backups}:
        listing = repository.wal.listing(int(system))
        files = [*listing.segments.values(), *listing.histories.values()]
        here = [one for one in files if one.storage.root is not None and one.packed]
        repository.ship(repository.cloud, listing, here)


class _Progress:
    """The latest a run told."""

    def __init__(self) -> None:
        self.last: tuple[str, int, int | None] = ("", 0, None)

    def tell(self, stage: str, done: int, total: int | None) -> None:
        self.last = (stage, done, total)


def _silent(stage: str, done: int, total: int | None) -> None:
    del stage, done, total


if TYPE_CHECKING:
    _Work = Callable[[Callable[[str, int, int | None], None]], Awaitable[dict[str, Any]]]
