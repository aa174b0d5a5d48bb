"""The schedule: what is due, running it, telling pg_cron."""

from __future__ import annotations

from service.core.memory.calls import Calls
from service.core.model.house import CronChange, DueJob, JobRun, Runner

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
        """Begin a program job in this session; None when it is not to run."""
        return await self._call.first("begin_job", int, p_name=name, p_runner=_RUNNER)

    async def finish(self, run: int, error: str | None) -> None:
        """End the program job this session began; `error` None: it went well."""
        await self._call.run("finish_job", p_run=run, p_error=error)

    async def reconcile(self) -> list[CronChange]:
        """Make pg_cron's jobs what the schedule says; returns each change."""
        return await self._call.rows("reconcile_schedule", CronChange)
