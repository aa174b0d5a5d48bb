"""What watches the service, over all namespaces: reports, KPIs, alerts and their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.core.memory.calls import Calls, PooledCalls
from service.core.model.watch import Alert, Health, Kpi, KpiPoint, Message, Noted

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
        self,
        instance: UUID,
        seconds: float,
        counts: Sequence[int],
        bounds: Sequence[float],
        *,
        farewell: bool,
    ) -> None:
        """Keep what a service counted.

        Args:
            instance: which one.
            seconds: the time it covers, up to now.
            counts: requests, errors, searches, degraded, hits and misses of the query and of the
                embedding cache, then searches by `bounds`.
            bounds: ms.
            farewell: it stops in order.
        """
        await self._call.run(
            "report_service",
            p_instance=instance,
            p_seconds=seconds,
            p_requests=counts[0],
            p_errors=counts[1],
            p_searches=counts[2],
            p_degraded=counts[3],
            p_query_hits=counts[4],
            p_query_misses=counts[5],
            p_embedding_hits=counts[6],
            p_embedding_misses=counts[7],
            p_bounds=list(bounds),
            p_counts=list(counts[8:]),
            p_farewell=farewell,
        )

    async def note_outage(
        self, began: datetime, ended: datetime, cause: str, detail: str, *, restarted: bool
    ) -> None:
        """Keep that the database was away; what overlaps, told by other services, is one outage."""
        await self._call.run(
            "note_outage",
            p_began=began,
            p_ended=ended,
            p_cause=cause,
            p_detail=detail,
            p_restarted=restarted,
        )

    async def kpis(self) -> list[Kpi]:
        """Every KPI of this moment."""
        if self._refresh is not None:
            await self._refresh()
        return await self._call.select(
            Kpi,
            "select kpi, kpi_group, scope, value, label, unit,"
            " extract(epoch from looks_back)::double precision as window_seconds, meaning"
            " from memory.kpis()",
        )

    async def kpi_history(
        self, kpis: Sequence[str], *, since: datetime, every: float
    ) -> list[KpiPoint]:
        """Samples of KPIs since an instant, oldest first; the mean of every so many seconds."""
        return await self._call.select(
            KpiPoint,
            "select date_bin(%(every)s * interval '1 second', h.at, 'epoch') as at, h.kpi, h.scope,"
            " avg(h.value) as value from memory.kpi_history as h"
            " where h.at >= %(since)s and h.kpi = any(%(kpis)s) and h.value is not null"
            " group by 1, 2, 3 order by 1, 2, 3",
            every=every,
            since=since,
            kpis=list(kpis),
        )

    async def alerts(self, *, resolved: bool, limit: int) -> list[Alert]:
        """Alerts, those that are not over first, newest first."""
        return await self._call.select(
            Alert,
            "select {columns} from memory.alerts"
            " where %(resolved)s or state <> 'resolved' limit %(limit)s",
            resolved=resolved,
            limit=limit,
        )

    async def acknowledge(self, alert: int, by: str) -> None:
        """Say who looks after an alert; ML404 when it is not open."""
        # as text, for a number no alert can have is PostgreSQL's to refuse as a value
        await self._call.run("acknowledge_alert", p_alert=str(alert), p_by=by)

    async def silence(self, rule: str, until: datetime | None) -> None:
        """Tell nobody of a rule's new alerts until then; ML404 when there is no such rule."""
        await self._call.run("silence_alert", p_rule=rule, p_until=until)

    async def health(self) -> Health:
        """ok, degraded or failing, and why."""
        return await self._call.row("check_health", Health)


class Notifications(Calls):
    """The messages about alerts that wait; acts as `memory_operator`."""

    async def lock(self) -> bool:
        """Whether this connection is the one that delivers, until it is closed."""
        return await self._call.row("lock_notifications", bool)

    async def due(self) -> list[Message]:
        """The next message of each channel."""
        return await self._call.rows("due_notifications", Message)

    async def note(self, notification: int, error: str | None) -> Noted | None:
        """What became of a message, and when it is tried again.

        None: it waits no more, as its alert was removed meanwhile or somebody else noted it.
        """
        return await self._call.first("note_notification", Noted, p_id=notification, p_error=error)
