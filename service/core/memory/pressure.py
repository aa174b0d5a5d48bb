"""What operators and benchmarks call about pressure: measuring, relieving, compressing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.core.memory.calls import Calls

if TYPE_CHECKING:
    from datetime import datetime


class Pressure(Calls):
    """How the layers fill their budgets; acts as `memory_operator` or `memory_owner`."""

    async def measure(self, *, dry_run: bool = False) -> list[dict[str, Any]]:
        """Bytes, usage and level of each layer and in total; dry_run keeps nothing."""
        return await self._dicts("select * from memory.measure_pressure(now(), %s)", (dry_run,))

    async def relieve(
        self, *, limit: int = 10_000, dry_run: bool = False, now: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Borrow, compress, archive and evict as the levels ask for; returns what was done.

        Args:
            limit: most records of a layer.
            dry_run: only tell what would be done.
            now: the moment to act at; None is this one.
        """
        return await self._dicts(
            "select * from memory.relieve_pressure(coalesce(%s::timestamptz, now()), %s, %s)",
            (now, limit, dry_run),
        )

    async def compress(
        self, layer: str | None = None, *, now: datetime | None = None, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """Begin or finish the compression of cold partitions; build the planned indexes between."""
        return await self._dicts(
            "select * from memory.compress(%s, coalesce(%s::timestamptz, now()), p_dry_run => %s)",
            (layer, now, dry_run),
        )

    async def decompress(
        self, layer: str | None = None, *, now: datetime | None = None, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """Begin or finish giving compressed partitions their indexes back."""
        return await self._dicts(
            "select * from memory.decompress(%s, coalesce(%s::timestamptz, now()),"
            " p_dry_run => %s)",
            (layer, now, dry_run),
        )
