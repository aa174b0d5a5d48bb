"""What watches the service, over all namespaces: reports, KPIs, alerts and their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row

from service.memory.calls import Calls, PooledCalls
from service.model_watch import Alert, Health, Kpi, KpiPoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from psycopg_pool import AsyncConnectionPool


class Watch(PooledCalls):
    """What the running service asks across namespaces.

    Args:
        pool: its connections act as `memory_operator`.
        refresh: brings up to date what KPIs tell of backups; awaited before they are asked for.
    """

    def __init__(
        self, pool: AsyncConnectionPool, refresh: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        super().__init__(pool)
        self._refresh = refresh

    async def report(
        self, instance: UUID, seconds: float, counts: Sequence[int], bounds: Sequence[float],
        *, farewell: bool,
    ) -> None:  # fmt: skip
        """Keep what a service counted.

        Args:
            instance: which one.
            seconds: the time it covers, up to now.
            counts: requests, errors, searches, degraded, hits and misses of the query and of the
                embedding cache, then searches by `bounds`.
            bounds: ms.
            farewell: it stops in order.
        """
        await self._dicts(
            "select memory.report_service(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (instance, seconds, *counts[:8], list(bounds), list(counts[8:]), farewell),
        )

    async def note_outage(
        self, began: datetime, ended: datetime, cause: str, detail: str, *, restarted: bool
    ) -> None:
        """Keep that the database was away; what overlaps, told by other services, is one outage."""
        await self._dicts(
            "select * from memory.note_outage(%s, %s, %s, %s, %s)",
            (began, ended, cause, detail, restarted),
        )

    async def kpis(self) -> list[Kpi]:
        """Every KPI of this moment."""
        if self._refresh is not None:
            await self._refresh()
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Kpi), binary=True)
            await cursor.execute(
                "select kpi, kpi_group, scope, value, label, unit,"
                " extract(epoch from looks_back)::double precision as window_seconds, meaning"
                " from memory.kpis()"
            )
            return await cursor.fetchall()

    async def kpi_history(
        self, kpis: Sequence[str], *, since: datetime, every: float
    ) -> list[KpiPoint]:
        """Samples of KPIs since an instant, oldest first; the mean of every so many seconds."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(KpiPoint), binary=True)
            await cursor.execute(
                "select date_bin(%s * interval '1 second', h.at, 'epoch') as at, h.kpi, h.scope,"
                " avg(h.value) as value from memory.kpi_history as h"
                " where h.at >= %s and h.kpi = any(%s) and h.value is not null"
                " group by 1, 2, 3 order by 1, 2, 3",
                (every, since, list(kpis)),
            )
            return await cursor.fetchall()

    async def alerts(self, *, resolved: bool, limit: int) -> list[Alert]:
        """Alerts, those that are not over first, newest first."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Alert), binary=True)
            await cursor.execute(
                "select id, rule, kpi, scope, severity, state, since, opened_at, resolved_at,"
                " value, worst, threshold, silenced_until, acknowledged_at, acknowledged_by,"
                " meaning, hint from memory.alerts where %s or state <> 'resolved' limit %s",
                (resolved, limit),
            )
            return await cursor.fetchall()

    async def acknowledge(self, alert: int, by: str) -> None:
        """Say who looks after an alert; ML404 when it is not open."""
        # a number no alert can have is the caller's fault with the cast, a missing function without
        await self._dicts("select * from memory.acknowledge_alert(%s::bigint, %s)", (alert, by))

    async def silence(self, rule: str, until: datetime | None) -> None:
        """Tell nobody of a rule's new alerts until then; ML404 when there is no such rule."""
        await self._dicts("select * from memory.silence_alert(%s, %s)", (rule, until))

    async def health(self) -> Health:
        """ok, degraded or failing, and why."""
        (row,) = await self._dicts("select status, reasons from memory.check_health()", ())
        return Health(**row)


class Notifications(Calls):
    """The messages about alerts that wait; acts as `memory_operator`."""

    async def lock(self) -> bool:
        """Whether this connection is the one that delivers, until it is closed."""
        rows = await self._dicts("select memory.lock_notifications() as ours")
        return bool(rows[0]["ours"])

    async def due(self) -> list[dict[str, Any]]:
        """The next message of each channel: id, channel, event, attempts, body."""
        return await self._dicts("select * from memory.due_notifications()")

    async def note(self, notification: int, error: str | None) -> dict[str, Any] | None:
        """What became of a message, and when it is tried again.

        None: it waits no more, as its alert was removed meanwhile or somebody else noted it.
        """
        rows = await self._dicts(
            "select * from memory.note_notification(%s, %s)", (notification, error)
        )
        return rows[0] if rows else None
