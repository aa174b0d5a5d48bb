"""What moving memories in and out of files asks of a database, across namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from psycopg.types.json import Jsonb

from service.core.memory.calls import Calls
from service.core.memory.shapes import REMEMBER, as_row
from service.core.memory.vectors import to_halfvectors
from service.core.model.memories import Stored
from service.core.model.transfer import Imported

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from service.core.model.memories import NewMemory


class Transfer(Calls):
    """As role `memory_owner`, on a connection of its own: an import writes history as it was."""

    async def import_records(
        self, namespace: str, records: Sequence[bytes], *, dry_run: bool
    ) -> list[Imported]:
        """Put exported memories into a namespace, all or none; one row each, in their order.

        Args:
            namespace: where they go, whatever they say themselves.
            records: 1 to 1000 lines of an export, JSON.
            dry_run: only tell what would become of each.

        Returns:
            What became of each.
        """
        async with self._connection.transaction(force_rollback=dry_run):
            return await self._call.rows(
                "import_records",
                Imported,
                p_namespace=namespace,
                p_records=Jsonb([msgspec.Raw(record) for record in records]),
            )

    async def preview(
        self,
        namespace: str,
        memories: Sequence[NewMemory],
        vectors: Sequence[NDArray[np.float32] | None],
    ) -> list[Stored]:
        """What storing new memories of a namespace would answer; nothing is stored."""
        async with self._connection.transaction(force_rollback=True):
            return await self._call.select(
                Stored,
                REMEMBER,
                namespace=namespace,
                memories=Jsonb([as_row(one) for one in memories]),
                vectors=to_halfvectors(vectors),
                key=None,
            )

    async def archived(self, namespaces: Sequence[str]) -> int:
        """How many memories of these namespaces lie in the archive."""
        rows = await self._call.select(
            int,
            "select coalesce(sum(cardinality(a.ids)), 0)::bigint"
            " from unnest(%(namespaces)s::text[]) as n (namespace)"
            " cross join lateral memory.find_archived(n.namespace) as a",
            namespaces=list(namespaces),
        )
        return rows[0]
