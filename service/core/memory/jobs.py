"""The schedule: what is due, running it, telling pg_cron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_RUNNER = "service"


class Jobs(Calls):
    """Scheduled jobs: as role `memory_operator`, on a connection of its own."""

    async def runner(self) -> tuple[str, str]:
        """Who runs the jobs now (pg_cron, service or nobody), and why."""
        rows = await self._dicts("select * from memory.job_runner()")
        return rows[0]["runner"], rows[0]["why"]

    async def due(self) -> list[dict[str, Any]]:
        """What the service ought to run now: name, kind, command, next_due, neglected."""
        return await self._dicts("select * from memory.due_jobs()")

    async def run(self, name: str) -> dict[str, Any] | None:
        """Run an SQL job; its run, rows, sqlstate and error, None when it was not to run."""
        rows = await self._dicts("select * from memory.run_job(%s, %s)", (name, _RUNNER))
        return rows[0] if rows else None

    async def begin(self, name: str) -> int | None:
        """Begin a job of kind program or backup in this session; None when it is not to run."""
        rows = await self._dicts("select memory.begin_job(%s, %s) as run", (name, _RUNNER))
        run: int | None = rows[0]["run"]
        return run

    async def finish(self, run: int, error: str | None) -> None:
        """End the job this session began; `error` None: it went well."""
        await self._dicts("select memory.finish_job(%s, null, %s)", (run, error))

    async def expect_backups(self, due: Mapping[str, datetime]) -> None:
        """Note when jobs of kind backup are due; what is not named is not known to become due."""
        known = {name: at.isoformat() for name, at in due.items()}
        await self._dicts("select * from memory.expect_backups(%s)", (Jsonb(known),))

    async def reconcile(self) -> list[dict[str, Any]]:
        """Make pg_cron's jobs what the schedule says; returns job, action, cron of each change."""
        return await self._dicts("select * from memory.reconcile_schedule()")
