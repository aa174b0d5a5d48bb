"""What the dashboard shows beside KPIs and alerts, over all namespaces."""

from __future__ import annotations

from service.core.memory.calls import PooledCalls
from service.core.model.backups import BackupRecord
from service.core.model.dashboard import Flow, Job, LayerLevel, Promotion


class DashboardCalls(PooledCalls):
    """Rows for templates; acts as `memory_operator`."""

    async def layers(self) -> list[LayerLevel]:
        """How full each layer is."""
        return await self._call.rows("layer_levels", LayerLevel)

    async def flow(self, hours: int) -> list[Flow]:
        """Records moved and let go, by hour, layer and action."""
        return await self._call.rows("flow", Flow, p_hours=hours)

    async def promotions(self, limit: int) -> list[Promotion]:
        """The latest promotions."""
        return await self._call.select(
            Promotion,
            "select {columns} from memory.promotions"
            " where at > now() - interval '30 days' order by at desc limit %(limit)s",
            limit=limit,
        )

    async def jobs(self) -> list[Job]:
        """The scheduled jobs, the latest due first."""
        return await self._call.select(
            Job,
            "select {columns} from memory.jobs order by enabled desc, late desc nulls last, name",
        )

    async def backups(self, limit: int) -> list[BackupRecord]:
        """The newest backups."""
        return await self._call.select(
            BackupRecord, "select {columns} from memory.backups limit %(limit)s", limit=limit
        )
