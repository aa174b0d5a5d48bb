"""What moving memories in and out of files asks of a database, across namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.memory.shapes import as_row
from service.core.memory.vectors import to_halfvectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from service.core.model.memories import NewMemory


class Transfer(Calls):
    """As role `memory_owner`, on a connection of its own: an import writes history as it was."""

    async def import_records(
        self, namespace: str, records: Sequence[bytes], *, dry_run: bool
    ) -> list[dict[str, Any]]:
        """Put exported memories into a namespace, all or none; one row each, in their order.

        Args:
            namespace: where they go, whatever they say themselves.
            records: 1 to 1000 lines of an export, JSON.
            dry_run: only tell what would become of each.

        Returns:
            ordinal, id, layer, kind, pinned, expires_at, has_embedding, outcome, twin and
            content_hash of each, as `memory.import_records` has them.
        """
        text = b"[" + b",".join(records) + b"]"
        async with self._connection.transaction(force_rollback=dry_run):
            return await self._dicts(
                "select * from memory.import_records(%s, %s::jsonb)", (namespace, text.decode())
            )

    async def preview(
        self,
        namespace: str,
        memories: Sequence[NewMemory],
        vectors: Sequence[NDArray[np.float32] | None],
    ) -> list[dict[str, Any]]:
        """What storing new memories of a namespace would answer; nothing is stored."""
        async with self._connection.transaction(force_rollback=True):
            return await self._dicts(
                "select * from memory.remember_many(%s, %s, %s) order by ordinal",
                (namespace, Jsonb([as_row(one) for one in memories]), to_halfvectors(vectors)),
            )

    async def archived(self, namespaces: Sequence[str]) -> int:
        """How many memories of these namespaces lie in the archive."""
        rows = await self._dicts(
            "select coalesce(sum(cardinality(a.ids)), 0)::bigint as memories"
            " from unnest(%s::text[]) as n (namespace)"
            " cross join lateral memory.find_archived(n.namespace) as a",
            (list(namespaces),),
        )
        return int(rows[0]["memories"])
