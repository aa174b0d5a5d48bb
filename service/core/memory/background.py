"""What the background workers call: the functions that span namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.core.memory.calls import Caller, OnPool
from service.core.memory.vectors import to_halfvector
from service.core.model.memories import LifecycleChange, Pending
from service.core.model.operation import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import numpy as np
    from numpy.typing import NDArray
    from psycopg_pool import AsyncConnectionPool

    from service.core.memory.shapes import Use


class Background:
    """Use counts, vectors, the lifecycle.

    Args:
        housekeeping: connections acting as `memory_operator`.

    Attributes:
        housekeeping: these.
    """

    def __init__(self, housekeeping: AsyncConnectionPool) -> None:
        self.housekeeping = housekeeping
        self._across: Caller = OnPool(housekeeping)

    async def touch_many(self, uses: Sequence[Use]) -> None:
        """Count uses of memories of any namespaces."""
        namespaces, ids, sessions, sources = (list(column) for column in zip(*uses, strict=True))
        await self._across.run(
            "touch_many",
            p_namespaces=namespaces,
            p_ids=ids,
            p_sessions=sessions,
            p_sources=sources,
        )

    async def note_queries(self, asked: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Note the vectors of questions, of any namespaces, oldest first."""
        await self._across.run(
            "note_queries",
            p_namespaces=[namespace for namespace, _ in asked],
            p_embeddings=[to_halfvector(vector) for _, vector in asked],
        )

    async def held_back(self) -> bool:
        """Whether nothing is to run by itself here: a restored clone, until it is released."""
        return (await self._across.row("job_runner", Runner)).runner == "nobody"

    async def pending_embeddings(
        self,
        limit: int,
        *,
        after: str | None = None,
        first: Sequence[tuple[str, UUID]] = (),
        others: bool = True,
    ) -> list[Pending]:
        """Memories that wait for a vector.

        Args:
            limit: most of them.
            after: the namespace that came last before; the turn is the next one's.
            first: namespace and id of memories somebody waits for.
            others: give the others too, round-robin over their namespaces.
        """
        return await self._across.rows(
            "pending_embeddings",
            Pending,
            p_limit=limit,
            p_after=after,
            p_namespaces=[namespace for namespace, _ in first],
            p_ids=[memory_id for _, memory_id in first],
            p_others=others,
        )

    async def write_embeddings(
        self,
        pending: Sequence[Pending],
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
        return await self._across.run(
            "write_embeddings",
            p_namespaces=[one.namespace for one in pending],
            p_ids=[one.id for one in pending],
            p_documents=[one.document for one in pending],
            p_embeddings=[to_halfvector(vector) for vector in vectors],
            p_model=model,
            p_shortened=[characters for characters, _ in cut],
            p_reasons=[reason for _, reason in cut],
        )

    async def note_embedding_failure(self, namespace: str, memory_id: UUID, error: str) -> None:
        """Record that a text could not be embedded; it is tried again later."""
        await self._across.run(
            "note_embedding_failure", p_namespace=namespace, p_id=memory_id, p_error=error
        )

    async def note_provider(self, model: str, error: str | None, retry_s: float = 0.0) -> None:
        """Tell whether the embedding provider answers: None, or why not and when it is asked."""
        await self._across.select(
            int,
            "select count(*) from memory.note_provider(p_model => %(model)s, p_error => %(error)s,"
            " p_retry_at => now() + %(retry_s)s * interval '1 second')",
            model=model,
            error=error,
            retry_s=retry_s or None,
        )

    async def run_lifecycle(self, *, limit: int, dry_run: bool) -> list[LifecycleChange]:
        """One turn of the lifecycle over all namespaces, each step in a transaction of its own."""
        changes: list[LifecycleChange] = []
        for step in await self._across.row("lifecycle_steps", list[str]):
            changes += await self._across.rows(
                "run_lifecycle", LifecycleChange, p_limit=limit, p_dry_run=dry_run, p_steps=[step]
            )
        return changes
