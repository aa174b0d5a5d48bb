"""What requests call: the functions of one namespace.

A call is one round trip: the namespace is set and the function run in one pipeline, which
PostgreSQL runs as one transaction, so `set_config(…, true)` covers exactly this call and row level
security does the rest. Nothing of one request can reach the next one on the same connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg.types.numeric import Float4

from service.core.acting import actor
from service.core.memory.background import Background
from service.core.memory.calls import OnConnection, OnPool
from service.core.memory.faults import note_place
from service.core.memory.lenient import read_json
from service.core.memory.shapes import REMEMBER, as_row
from service.core.memory.vectors import to_halfvector, to_halfvectors
from service.core.model.memories import (
    ApiKey,
    Changed,
    Criterion,
    Decision,
    Event,
    Forgotten,
    Found,
    Hit,
    Layer,
    MemoryRecord,
    Rated,
    Stored,
)
from service.core.model.transfer import Exported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray
    from psycopg_pool import AsyncConnectionPool

    from service.core.model.memories import MemoryChange, NewMemory, SearchRequest

set_json_dumps(msgspec.json.encode)
set_json_loads(read_json)

_IN_NAMESPACE = (
    "select set_config('magray.namespace', %s, true), set_config('magray.actor', %s, true)"
)


class _InNamespace(OnPool):
    """Calls that see the namespace they name, and no other."""

    async def _prepare(
        self, connection: psycopg.AsyncConnection[Any], values: Mapping[str, Any]
    ) -> None:
        if "p_namespace" in values:
            await connection.execute(_IN_NAMESPACE, (values["p_namespace"], actor()))


class Memory(Background):
    """The `memory` schema, typed. All methods raise `psycopg.Error` with our SQLSTATEs.

    Args:
        pool: connections acting as `memory_app`: each call sees the namespace it names.
        housekeeping: connections acting as `memory_operator`, for what spans namespaces. None:
            `pool` is allowed to.
    """

    def __init__(
        self, pool: AsyncConnectionPool, housekeeping: AsyncConnectionPool | None = None
    ) -> None:
        super().__init__(housekeeping or pool)
        self._pool = pool
        self._call = _InNamespace(pool)

    async def remember(
        self,
        memories: Sequence[NewMemory],
        vectors: Sequence[NDArray[np.float32] | None],
        *,
        idempotency_key: str | None = None,
    ) -> list[Stored]:
        """Store memories of any namespaces, all or none; one row each, in their order.

        Args:
            memories: 1 to 1000 memories.
            vectors: one float vector of the model's dimension for each memory, or None.
            idempotency_key: a retry with the same key answers as the first time.
        """
        places: dict[str, list[int]] = {}
        for place, memory in enumerate(memories):
            places.setdefault(memory.namespace, []).append(place)
        stored: dict[int, Stored] = {}
        async with self._pool.connection() as connection, connection.pipeline():
            call = OnConnection(connection, binary=True)
            # Always in the same order, so that two batches never deadlock.
            for namespace in sorted(places):
                await connection.execute(_IN_NAMESPACE, (namespace, actor()))
                try:
                    rows = await call.select(
                        Stored,
                        REMEMBER,
                        namespace=namespace,
                        memories=Jsonb([as_row(memories[place]) for place in places[namespace]]),
                        vectors=to_halfvectors([vectors[place] for place in places[namespace]]),
                        key=idempotency_key,
                    )
                except psycopg.Error as error:
                    note_place(error, places[namespace], vectors)
                    raise
                stored.update(zip(places[namespace], rows, strict=True))
        return [stored[place] for place in range(len(memories))]

    async def get(self, namespace: str, memory_id: UUID) -> MemoryRecord:
        """A live memory by id; ML404 when there is none."""
        return await self._call.row("get", MemoryRecord, p_namespace=namespace, p_id=memory_id)

    async def list_memories(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, UUID] | None = None,
        layers: list[str] | None = None,
        kinds: list[str] | None = None,
        filters: dict[str, Any] | None = None,
    ) -> list[MemoryRecord]:
        """Live memories, newest first; `after` is the created_at and id of the last one seen."""
        created_at, memory_id = after or (None, None)
        return await self._call.rows(
            "list_memories",
            MemoryRecord,
            p_namespace=namespace,
            p_limit=limit,
            p_after_created_at=created_at,
            p_after_id=memory_id,
            p_layers=layers,
            p_kinds=kinds,
            p_filters=Jsonb(filters or {}),
        )

    async def export_memories(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, int, UUID] | None = None,
        embeddings: bool = False,
    ) -> list[Exported]:
        """Live memories, oldest first; created_at, turn and id of the last one are `after`."""
        created_at, turn, memory_id = after or (None, None, None)
        return await self._call.rows(
            "export_memories",
            Exported,
            p_namespace=namespace,
            p_limit=limit,
            p_after_created_at=created_at,
            p_after_turn=turn,
            p_after_id=memory_id,
            p_embeddings=embeddings,
        )

    async def search(
        self, request: SearchRequest, vector: NDArray[np.float32] | None
    ) -> tuple[list[Hit], int]:
        """The best `top_k` memories for a question, a vector or both, and the change token.

        The token is read before the search, in its transaction: an answer kept with it is never
        newer than the token says.
        """
        filters = msgspec.to_builtins(request.filters)
        layers, kinds = filters.pop("layers", None), filters.pop("kinds", None)
        # One statement, and laterals for the order: the namespace is set, then the token read, then
        # searched. A pipeline of three statements takes 0.25 ms longer.
        async with self._pool.connection() as connection:
            rows = await OnConnection(connection, binary=True).select(
                Found,
                "select t.token, s.* from"
                " (select set_config('magray.namespace', %(namespace)s, true) as namespace) as n"
                " cross join lateral memory.change_token(n.namespace) as t (token)"
                " left join lateral memory.search(p_namespace => n.namespace,"
                " p_query => %(query)s, p_embedding => %(vector)b, p_top_k => %(top_k)s,"
                " p_layers => %(layers)s, p_kinds => %(kinds)s, p_filters => %(filters)s,"
                " p_explain => %(explain)s) as s on true",
                namespace=request.namespace,
                query=request.query,
                vector=None if vector is None else to_halfvector(vector),
                top_k=request.top_k,
                layers=layers,
                kinds=kinds,
                filters=Jsonb(filters),
                explain=request.explain,
            )
        # with nothing found there is one row: the token beside nulls
        return [_hit(row) for row in rows if row.id], rows[0].token

    async def change_token(self, namespace: str) -> int:
        """A number that differs after every committed change of the namespace."""
        return await self._call.row("change_token", int, p_namespace=namespace)

    async def update(
        self,
        namespace: str,
        memory_id: UUID,
        change: MemoryChange,
        *,
        if_match: list[str] | None = None,
    ) -> Changed:
        """Edit a memory; what it was stays in its history. ML412 when its etag is none of these."""
        return await self._call.row(
            "update_memory",
            Changed,
            p_namespace=namespace,
            p_id=memory_id,
            p_changes=Jsonb(msgspec.to_builtins(change)),
            p_if_match=if_match,
        )

    async def forget(
        self,
        namespace: str,
        memory_ids: list[UUID],
        *,
        dry_run: bool = False,
        if_match: list[str] | None = None,
    ) -> list[Forgotten]:
        """Delete memories permanently; returns those that were there. ML412 as `update`."""
        return await self._call.rows(
            "forget",
            Forgotten,
            p_namespace=namespace,
            p_ids=memory_ids,
            p_dry_run=dry_run,
            p_if_match=if_match,
        )

    async def forget_namespace(self, namespace: str, *, dry_run: bool = False) -> list[Forgotten]:
        """Delete a bounded batch of a namespace; call until it returns nothing."""
        return await self._call.rows(
            "forget_namespace", Forgotten, p_namespace=namespace, p_dry_run=dry_run
        )

    async def touch(
        self, namespace: str, memory_ids: list[UUID], *, session: str | None, source: str
    ) -> None:
        """Count a use of memories of one namespace."""
        await self._call.run(
            "touch", p_namespace=namespace, p_ids=memory_ids, p_session=session, p_source=source
        )

    async def rate(
        self, namespace: str, memory_id: UUID, rating: float, *, session: str | None
    ) -> Rated:
        """Rate a memory from 1 to 5."""
        return await self._call.row(
            "rate",
            Rated,
            p_namespace=namespace,
            p_id=memory_id,
            p_rating=Float4(rating),
            p_session=session,
        )

    async def history(self, namespace: str, memory_id: UUID) -> list[Event]:
        """What happened to a memory, oldest first."""
        return await self._call.rows("history", Event, p_namespace=namespace, p_id=memory_id)

    async def explain(self, namespace: str, memory_id: UUID) -> list[Criterion]:
        """Each part of a memory's score and each criterion of its next step."""
        return await self._call.rows("explain", Criterion, p_namespace=namespace, p_id=memory_id)

    async def list_decisions(
        self,
        namespace: str,
        *,
        limit: int,
        after: tuple[datetime, UUID, str, str] | None = None,
        memory_id: UUID | None = None,
        actions: list[str] | None = None,
        layer: str | None = None,
        since: datetime | None = None,
    ) -> list[Decision]:
        """Decisions, newest first; `after` is at, id, action and layer of the last one seen."""
        at, after_id, action, after_layer = after or (None,) * 4
        return await self._call.rows(
            "list_decisions",
            Decision,
            p_namespace=namespace,
            p_limit=limit,
            p_after_at=at,
            p_after_id=after_id,
            p_after_action=action,
            p_after_layer=after_layer,
            p_id=memory_id,
            p_actions=actions,
            p_layer=layer,
            p_since=since,
        )

    async def layers(self, namespace: str) -> list[Layer]:
        """The layers' policy and what the namespace holds in each."""
        return await self._call.rows("list_layers", Layer, p_namespace=namespace)

    async def find_key(self, digest: bytes) -> ApiKey | None:
        """The usable API key of this SHA-256."""
        return await self._call.first("find_key", ApiKey, p_digest=digest)

    async def without_embedding(self, namespaces: Iterable[str], ids: list[UUID]) -> set[UUID]:
        """Which of these memories still wait for their vector."""
        waiting: set[UUID] = set()
        for namespace in namespaces:
            waiting.update(
                await self._call.rows("without_embedding", UUID, p_namespace=namespace, p_ids=ids)
            )
        return waiting


def _hit(found: Found) -> Hit:
    return Hit(**{name: getattr(found, name) for name in Hit.__struct_fields__})
