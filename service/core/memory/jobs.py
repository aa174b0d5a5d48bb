"""The schedule: what is due, running it, telling pg_cron."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.model.operation import CronChange, DueJob, JobRun, Runner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_RUNNER = "service"


class Jobs(Calls):
    """Scheduled jobs: as role `memory_operator`, on a connection of its own."""

    async def runner(self) -> Runner:
        """Who runs the jobs now, and why."""
        return await self._call.row("job_runner", Runner)

    async def due(self) -> list[DueJob]:
        """What the service ought to run now."""
        return await self._call.rows("due_jobs", DueJob)

    async def run(self, name: str) -> JobRun | None:
        """Run an SQL job; None when it was not to run."""
        return await self._call.first("run_job", JobRun, p_name=name, p_runner=_RUNNER)

    async def begin(self, name: str) -> int | None:
        """Begin a job of kind program or backup in this session; None when it is not to run."""
        return await self._call.first("begin_job", int, p_name=name, p_runner=_RUNNER)

    async def finish(self, run: int, error: str | None) -> None:
        """End the job this session began; `error` None: it went well."""
        await self._call.run("finish_job", p_run=run, p_error=error)

    async def expect_backups(self, due: Mapping[str, datetime]) -> None:
        """Note when jobs of kind backup are due; what is not named is not known to become due."""
        known = {name: at.isoformat() for name, at in due.items()}
        await self._call.run("expect_backups", p_due=Jsonb(known))

    async def reconcile(self) -> list[CronChange]:
        """Make pg_cron's jobs what the schedule says; returns each change."""
        return await self._call.rows("reconcile_schedule", CronChange)
