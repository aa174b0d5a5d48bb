"""Backups while the service runs: those that are due, and those somebody asked for over HTTP.

When what is due say the rules of `backup_rules.py`; the rows of kind backup of the schedule, and so
`memory.jobs`, show it, and an operator may switch them off or narrow their times (memory.set_job).
A snapshot is taken when the service is stopped.

Each is a run: `memory.backup_runs`, `GET /v1/backups` show how it gets on and how it ended.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import msgspec
import structlog

from jobs.backup.drill import drill
from jobs.backup.marks import close_window
from jobs.backup.prune import prune
from jobs.backup.repository import open_repository
from jobs.backup.restore import restore
from jobs.backup.status import APART, beside_the_data, mirror
from jobs.backup.take import take
from jobs.backup.verify import verify
from service.background.backup_mirror import BackupMirror
from service.background.backup_rules import due_at, moment_of
from service.core.database import connect
from service.core.errors import MagrayError, MissingError
from service.core.memory import Backups, Jobs
from service.core.repeat import again, every
from service.core.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from uuid import UUID

    from jobs.backup.catalogue import Catalogue
    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from jobs.backup.verify import Finding
    from service.core.backend import Backend
    from service.core.model.backups import BackupRecord, Run

log = structlog.get_logger("magray.backups")

_INTERVAL = 60.0  # seconds; also how far back the last restorable instant may lie
_PATIENCE = 5.0  # seconds whoever asks for backups or KPIs waits for the mirror
_NOTE_EVERY = 1.0  # seconds between two notes of a run's progress
_PAUSE = 900.0  # seconds until what is due and failed is tried again


class BackupKeeper:
    """Takes what is due, and what is asked for, one after the other.

    Args:
        backend: the database and the settings.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._settings = backend.settings.backup
        self._asked: set[asyncio.Task[_Error | None]] = set()
        self._paused: dict[str, float] = {}
        self._refreshing: list[asyncio.Task[None]] = []
        self._mirror = BackupMirror(backend.database, self.repository, self._home)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every minute."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.close)
            if self.is_possible:
                await stack.enter_async_context(self._mirror.running())
                await stack.enter_async_context(
                    every(
                        _INTERVAL,
                        self._look,
                        name="backups",
                        log=log,
                        trouble="backup failed",
                        after=_INTERVAL,
                    )
                )
            yield

    async def close(self) -> None:
        """End what is under way; with a snapshot, if that is wanted, within its budget."""
        for task in [*self._asked, *self._refreshing]:
            await end(task)
        await self._mirror.close()
        if self._settings.snapshot_on_shutdown and self.is_possible:
            await self._snapshot()

    @property
    def is_possible(self) -> bool:
        """Whether this service knows where backups go, and serves no held back cluster."""
        server = self._backend.database.server
        if not self._backend.settings.jobs:
            return False
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
                detail="Others do (magray jobs), or backup.directory is not set.",
                hint="magray backup full, where backup.directory is set",
            )
        return open_repository(self._settings, self._home, database.bin_dir)

    @property
    def _home(self) -> Path:
        server = self._backend.database.server
        return server.home if server else self._backend.settings.data_dir

    async def refresh(self) -> None:
        """Let the database show what can be restored now; waits a few seconds at most."""
        if not self.is_possible:
            return
        self._refreshing = [task for task in self._refreshing if not task.done()]
        # one that waits for its turn sees everything up to now, and is enough for everybody
        if len(self._refreshing) < 2:
            refreshing = asyncio.create_task(self._mirror.refresh(), name="backup mirror")
            self._refreshing.append(refreshing)
        await asyncio.wait({self._refreshing[-1]}, timeout=_PATIENCE)

    async def begin(self, action: str, request: dict[str, Any]) -> UUID:
        """Begin a run; it goes on by itself, and tells how it gets on.

        Args:
            action: backup, verify or drill.
            request: its kind, or the id of a backup; as it came.
        """
        run, _ = await self._begin(action, request, self._work(action, request))
        return run

    async def _begin(
        self, action: str, request: dict[str, Any], work: _Work
    ) -> tuple[UUID, asyncio.Task[_Error | None]]:
        async with self._operator() as backups:
            run = await backups.begin_run(action, request)
        task = asyncio.create_task(self._follow(run, work), name=f"{action} run {run}")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return run, task

    async def backups(self) -> list[BackupRecord]:
        """The backups, newest first."""
        await self.refresh()
        async with self._operator() as backups:
            return await backups.listed()

    async def runs(self, run: UUID | None = None) -> list[Run]:
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
            if "id" in request:
                repository.catalogue().get(request["id"])
            return lambda tell: self._verify(repository, request, tell)
        if action == "backup":
            why = request.get("why", "asked for")
            return lambda tell: self._take(repository, request["kind"], why, tell)
        return lambda tell: self._prove(repository, tell)

    async def begin_restore(self, target: Target, name: str, request: dict[str, Any]) -> UUID:
        """Begin a restore into the folder `restores/<name>` of the data directory."""
        repository = self.repository()
        into = self._backend.settings.data_dir.absolute() / "restores" / name

        async def work(tell: Any) -> dict[str, Any]:
            await close_window(repository, self._backend.database.url)
            return asdict(await restore(repository, target, into, progress=tell))

        run, _ = await self._begin("restore", request, work)
        return run

    async def _verify(
        self, repository: Repository, request: dict[str, Any], tell: Any
    ) -> dict[str, Any]:
        """Read one backup; or all that were not read for long, and the archived WAL."""
        ids = [request["id"]] if "id" in request else []
        before = datetime.now(UTC) - timedelta(days=self._settings.verify_days)

        def look() -> list[Finding]:
            old = None if ids else lambda one: one.read_at <= before
            return list(verify(repository, ids, only=old, progress=tell))

        findings = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
        for one in findings:
            if not one.ok:
                log.error("damaged", what=one.what, detail=one.detail)
        await mirror(repository, self._backend.database)
        return {"findings": [asdict(one) for one in findings]}

    async def _take(
        self, repository: Repository, kind: str, why: str, tell: Any, budget: float | None = None
    ) -> dict[str, Any]:
        database = self._backend.database
        made = await take(repository, database, kind, why=why, progress=tell, budget=budget)
        together = beside_the_data(repository, database)
        if made.stands_alone and together is not None:
            log.warning("backups are no safer than the data", detail=together, hint=APART)
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

    async def _follow(self, run: UUID, work: _Work) -> _Error | None:
        """Do the work, and note how it gets on and how it ends; the error it ended with."""
        progress = _Progress()
        result = None
        error: _Error | None = None
        try:
            async with self._noting(run, progress):
                result = msgspec.to_builtins(await work(progress.tell))
        except MagrayError as failed:
            error = {
                "code": failed.code,
                "message": failed.message,
                "detail": failed.detail,
                "hint": failed.hint,
            }
            log.warning("backup run failed", run=str(run), **error)
        except asyncio.CancelledError:
            error = {"code": "ML503", "message": "stopped with the service"}
            raise
        except Exception as failed:
            error = {"code": "ML500", "message": "something went wrong here"}
            log.exception("backup run failed", run=str(run), exc_info=failed)
        finally:
            async with self._operator() as backups:
                await backups.note_run(run, *progress.last, result=result, error=error)
        return error

    @asynccontextmanager
    async def _noting(self, run: UUID, progress: _Progress) -> AsyncIterator[None]:
        """Note how a run gets on, every second of the block."""

        async def note() -> None:
            async with self._operator() as backups:
                await again(_NOTE_EVERY, lambda: backups.note_run(run, *progress.last))

        async with every(
            _NOTE_EVERY,
            note,
            name=f"notes of run {run}",
            log=log,
            trouble="progress not noted",
            after=_NOTE_EVERY,
        ):
            yield

    async def _look(self) -> None:
        repository = self.repository()
        known = await anyio.to_thread.run_sync(repository.catalogue)
        if not known.backups:  # nobody set backups up: nothing is known to become due
            await self._do_first({}, datetime.now(UTC))
            return
        database, settings = self._backend.database, self._settings
        await close_window(repository, database.url)
        if repository.cloud is not None:
            await anyio.to_thread.run_sync(ship_wal, repository, known)
        async with connect(database.url) as connection:
            asked = Backups(connection)
            facts, pressure_at = await asked.facts(), await asked.pressure_at()
        times = due_at(moment_of(facts, known, pressure_at=pressure_at), settings)
        await self._do_first(self._unless_paused(times, facts.now), facts.now)

    def _unless_paused(self, times: dict[str, datetime], now: datetime) -> dict[str, datetime]:
        """The same times, none of them within the pause of what failed."""
        left = {one: until - time.monotonic() for one, until in self._paused.items()}
        pauses = {one: timedelta(seconds=seconds) for one, seconds in left.items() if seconds > 0}
        return {
            action: max(at, now + pauses[action]) if action in pauses else at
            for action, at in times.items()
        }

    async def _do_first(self, times: dict[str, datetime], now: datetime) -> None:
        """Begin the first that is due and may run, as a job of the schedule."""
        async with connect(self._backend.database.url, role="memory_operator") as connection:
            jobs = Jobs(connection)
            expected = {_job(action): at for action, at in times.items()}
            await jobs.expect_backups(expected)
            for action in [one for one, at in times.items() if at <= now]:
                run = await jobs.begin(_job(action))
                if run is None:
                    continue
                error: str | None = "stopped with the service"
                try:
                    # the others wait for their turn, which is no lateness
                    await jobs.expect_backups({job: at for job, at in expected.items() if at > now})
                    error = await self._do(action)
                except Exception as failed:
                    error = str(failed)
                    raise
                finally:
                    await jobs.finish(run, error)
                return

    async def _do(self, action: str) -> str | None:
        """Do what is due, as a run; what failed is left alone for a while, and why is returned."""
        request = {"why": f"due: {action}"}
        name = action
        if action not in ("verify", "drill"):
            name, request = "backup", {"kind": action, **request}
        _, task = await self._begin(name, request, self._work(name, request))
        error = await task
        if error is not None or action == "verify":  # what could not be read is still due
            self._paused[action] = time.monotonic() + _PAUSE
        if error is None:
            return None
        return ": ".join(filter(None, (error["message"], error.get("detail"))))

    async def _snapshot(self) -> None:
        """A run like the others, which says whether it came to its end; never beyond its budget."""
        budget = self._settings.shutdown_seconds
        repository = self.repository()
        try:
            async with asyncio.timeout(budget):
                _, task = await self._begin(
                    "backup",
                    {"kind": "snapshot", "why": "shutdown"},
                    lambda tell: self._take(repository, "snapshot", "shutdown", tell, budget),
                )
                await task
        except TimeoutError:
            log.warning("no snapshot at the shutdown", cause="it took too long", seconds=budget)


def _job(action: str) -> str:
    """What the schedule calls it."""
    return f"backup_{action}"


def ship_wal(repository: Repository, known: Catalogue) -> None:
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


if TYPE_CHECKING:
    # code, message, detail and hint
    _Error = dict[str, str]
    _Work = Callable[[Callable[[str, int, int | None], None]], Awaitable[dict[str, Any]]]
