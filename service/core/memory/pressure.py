"""What operators and benchmarks call about pressure: measuring, relieving, compressing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from service.core.memory.calls import Calls
from service.core.model.operation import Compression, LayerPressure

if TYPE_CHECKING:
    from datetime import datetime


class Pressure(Calls):
    """How the layers fill their budgets; acts as `memory_operator` or `memory_owner`."""

    async def measure(self, *, dry_run: bool = False) -> list[LayerPressure]:
        """Bytes, usage and level of each layer and in total; dry_run keeps nothing."""
        return await self._call.rows("measure_pressure", LayerPressure, p_dry_run=dry_run)

    async def compress(
        self, layer: str | None = None, *, now: datetime | None = None, dry_run: bool = False
    ) -> list[Compression]:
        """Begin or finish the compression of cold partitions; build the planned indexes between."""
        return await self._call.rows(
            "compress", Compression, p_layer=layer, p_now=now or UNSET, p_dry_run=dry_run
        )

    async def decompress(
        self, layer: str | None = None, *, now: datetime | None = None, dry_run: bool = False
    ) -> list[Compression]:
        """Begin or finish giving compressed partitions their indexes back."""
        return await self._call.rows(
            "decompress", Compression, p_layer=layer, p_now=now or UNSET, p_dry_run=dry_run
        )
