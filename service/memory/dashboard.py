"""What the dashboard shows beside KPIs and alerts, over all namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


class DashboardCalls:
    """Rows as dicts, for templates.

    Args:
        pool: connections acting as `memory_operator`.
    """

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

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

    async def _dicts(
        self, statement: LiteralString, values: tuple[Any, ...] = ()
    ) -> list[dict[str, Any]]:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row, binary=True)
            await cursor.execute(statement, values)
            return await cursor.fetchall()
