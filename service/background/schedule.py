"""Runs the scheduled jobs where pg_cron does not: in embedded mode, or when it has gone silent.

What is due, under which lock, and how a run is kept is SQL (`memory.due_jobs`, `memory.run_job`);
here is only the clock. Several services and pg_cron may do this at once: a job runs once. Programs
(`magray train`) are run here in any case, each in a process of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from msgspec import structs

from service.background.programs import execute
from service.core.database import connect
from service.core.memory import Jobs
from service.core.repeat import again, every
from service.core.tasks import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from service.core.model.operation import DueJob, JobRun, Runner

log = structlog.get_logger("magray.schedule")

_TICK = 2.0  # seconds between two looks at what is due
_PAUSE = 5.0  # seconds to wait when the database is away
# As of the role, which counts only where it logs in itself: under pg_cron.
_TIMEOUT, _LOCK_TIMEOUT = "5min", "200ms"


class Scheduler:
    """Runs what is due, every two seconds.

    Args:
        url: a login that may act as `memory_operator`; programs are told to use it as well.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner: Runner | None = None
        self._programs: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run them; a job under way at the end is undone, a program told to stop."""
        try:
            async with every(
                _PAUSE, self._work, name="scheduler", log=log, trouble="jobs cannot run"
            ):
                yield
        finally:
            for program in list(self._programs.values()):
                await end(program)

    async def _work(self) -> None:
        """Everything on one connection, until it is lost."""
        async with self._connect() as connection:
            jobs = Jobs(connection)
            for change in await jobs.reconcile():
                log.info("pg_cron told", **structs.asdict(change))
            await again(_TICK, partial(self._turn, jobs))

    async def _turn(self, jobs: Jobs) -> None:
        self._tell_runner(await jobs.runner())
        for job in await jobs.due():
            if job.kind == "program":
                self._start_program(job)
            elif (done := await jobs.run(job.name)) is not None:
                _tell_run(job, done)

    def _tell_runner(self, runner: Runner) -> None:
        """Say who runs the jobs, when that changes: a takeover is a warning."""
        if runner == self._runner:
            return
        tell = log.warning if "silent" in runner.why else log.info
        tell(f"{runner.runner} runs the jobs", why=runner.why)
        self._runner = runner

    def _start_program(self, job: DueJob) -> None:
        name = job.name
        if name not in self._programs:
            task = asyncio.create_task(self._run_program(name, job.command), name=name)
            self._programs[name] = task
            task.add_done_callback(lambda _: self._programs.pop(name))

    async def _run_program(self, name: str, command: str) -> None:
        try:
            async with self._connect() as connection:
                jobs = Jobs(connection)
                run = await jobs.begin(name)
                if run is None:
                    return
                log.info("program started", job=name, command=command)
                try:
                    error, said = await execute(command, self._url)
                except asyncio.CancelledError:
                    await jobs.finish(run, "stopped with the service")
                    raise
                await jobs.finish(run, error)
        except (psycopg.Error, OSError) as fault:
            error, said = str(fault).partition("\n")[0], ""
        if error is None:
            log.info("program ended", job=name, said=said)
        else:
            log.warning("program failed", job=name, error=error)

    def _connect(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        return connect(
            self._url, role="memory_operator", bound=_TIMEOUT, lock_timeout=_LOCK_TIMEOUT
        )


def _tell_run(job: DueJob, done: JobRun) -> None:
    if job.neglected:
        log.warning("pg_cron neglected a job, the service ran it", job=job.name)
    if done.sqlstate is not None:
        log.warning("job failed", job=job.name, sqlstate=done.sqlstate, error=done.error)
    elif done.rows:
        log.info("job ran", job=job.name, rows=done.rows)
