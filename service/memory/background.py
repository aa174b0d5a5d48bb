"""What the background workers call: the functions that span namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from psycopg.rows import dict_row

from service.acting import actor
from service.memory.vectors import to_halfvector
from service.model import LifecycleChange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray
    from psycopg_pool import AsyncConnectionPool

    from service.memory.shapes import Use


class Background:
    """Use counts, vectors, the lifecycle.

    Args:
        housekeeping: connections acting as `memory_operator`.

    Attributes:
        housekeeping: these.
    """

    def __init__(self, housekeeping: AsyncConnectionPool) -> None:
        self.housekeeping = housekeeping

    async def touch_many(self, uses: Sequence[Use]) -> None:
        """Count uses of memories of any namespaces."""
        await self._across(
            "select count(*) from memory.touch_many(%s, %s, %s, %s)",
            tuple(list(column) for column in zip(*uses, strict=True)),
        )

    async def note_queries(self, asked: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Note the vectors of questions, of any namespaces, oldest first."""
        await self._across(
            "select count(*) from memory.note_queries(%s, %b)",
            (
                [namespace for namespace, _ in asked],
                [to_halfvector(vector) for _, vector in asked],
            ),
        )

    async def held_back(self) -> bool:
        """Whether nothing is to run by itself here: a restored clone, until it is released."""
        rows = await self._across(
            "select w.runner = 'nobody' as held from memory.job_runner() as w", ()
        )
        return bool(rows[0]["held"])

    async def pending_embeddings(
        self,
        limit: int,
        *,
        after: str | None = None,
        first: Sequence[tuple[str, UUID]] = (),
        others: bool = True,
    ) -> list[dict[str, Any]]:
        """Memories that wait for a vector: namespace, id, document, attempts.

        Args:
            limit: most of them.
            after: the namespace that came last before; the turn is the next one's.
            first: namespace and id of memories somebody waits for.
            others: give the others too, round-robin over their namespaces.
        """
        return await self._across(
            "select * from memory.pending_embeddings(%s, now(), %s, %s, %s, %s)",
            (limit, after, [one[0] for one in first], [one[1] for one in first], others),
        )

    async def write_embeddings(
        self,
        pending: Sequence[dict[str, Any]],
        vectors: NDArray[np.float32],
        model: str,
        shortened: Sequence[tuple[int | None, str | None]] | None = None,
    ) -> int:
        """Store vectors for pending memories; returns how many were still wanted.

        Args:
            pending: whose they are.
            vectors: float32 ``[len(pending), dim]``.
            model: that made them.
            shortened: of how many characters each is made and why not of more; None: of all.
        """
        cut = shortened or [(None, None)] * len(pending)
        rows = await self._across(
            "select count(*) as written"
            " from memory.write_embeddings(%s, %s, %s, %s, %s, %s::integer[], %s::text[])",
            (
                [row["namespace"] for row in pending],
                [row["id"] for row in pending],
                [row["document"] for row in pending],
                [to_halfvector(vector) for vector in vectors],
                model,
                [characters for characters, _ in cut],
                [reason for _, reason in cut],
            ),
        )
        return int(rows[0]["written"])

    async def note_embedding_failure(self, namespace: str, memory_id: UUID, error: str) -> None:
        """Record that a text could not be embedded; it is tried again later."""
        await self._across(
            "select * from memory.note_embedding_failure(%s, %s, %s)",
            (namespace, memory_id, error),
        )

    async def note_provider(self, model: str, error: str | None, retry_s: float = 0.0) -> None:
        """Tell whether the embedding provider answers: None, or why not and when it is asked."""
        await self._across(
            "select from memory.note_provider(%s, %s, now() + %s * interval '1 second')",
            (model, error, retry_s or None),
        )

    async def run_lifecycle(self, *, limit: int, dry_run: bool) -> list[LifecycleChange]:
        """One turn of the lifecycle over all namespaces, each step in a transaction of its own."""
        (steps,) = await self._across("select memory.lifecycle_steps() as names", ())
        changes: list[LifecycleChange] = []
        for step in steps["names"]:
            rows = await self._across(
                "select * from memory.run_lifecycle(now(), %s, %s, array[%s])",
                (limit, dry_run, step),
            )
            changes += [LifecycleChange(**row) for row in rows]
        return changes

    async def _across(
        self, statement: LiteralString, values: tuple[Any, ...]
    ) -> list[dict[str, Any]]:
        """Rows of a function that spans namespaces."""
        async with self.housekeeping.connection() as connection, connection.pipeline():
            if actor():
                await connection.execute("select set_config('magray.actor', %s, true)", (actor(),))
            cursor = connection.cursor(row_factory=dict_row, binary=True)
            await cursor.execute(statement, values)
            return await cursor.fetchall()
