"""What the dashboard shows beside KPIs and alerts, over all namespaces."""

from __future__ import annotations

from typing import Any

from service.core.memory.calls import PooledCalls


class DashboardCalls(PooledCalls):
    """Rows as dicts, for templates; acts as `memory_operator`."""

    async def layers(self) -> list[dict[str, Any]]:
        """How full each layer is."""
        return await self._dicts("select * from memory.layer_levels()")

    async def flow(self, hours: int) -> list[dict[str, Any]]:
        """Records moved and let go, by hour, layer and action."""
        return await self._dicts("select * from memory.flow(now(), %s)", (hours,))

    async def promotions(self, limit: int) -> list[dict[str, Any]]:
        """The latest promotions."""
        return await self._dicts(
            "select * from memory.promotions where at > now() - interval '30 days'"
            " order by at desc limit %s",
            (limit,),
        )

    async def jobs(self) -> list[dict[str, Any]]:
        """The scheduled jobs, the latest due first."""
        return await self._dicts(
            "select * from memory.jobs order by enabled desc, late desc nulls last, name"
        )

    async def backups(self, limit: int) -> list[dict[str, Any]]:
        """The newest backups."""
        return await self._dicts("select * from memory.backups limit %s", (limit,))
