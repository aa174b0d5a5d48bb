"""What goes to the functions in other shapes than those of `service/core/model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

import msgspec

if TYPE_CHECKING:
    from uuid import UUID

    from service.core.model.memories import NewMemory


# Rows of `Stored` for the memories of one namespace, in their order.
REMEMBER: LiteralString = (
    "select r.id, %(namespace)s as namespace, r.created, r.layer, r.kind, r.created_at,"
    " r.expires_at, r.has_embedding from memory.remember_many(p_namespace => %(namespace)s,"
    " p_memories => %(memories)s, p_embeddings => %(vectors)s, p_idempotency_key => %(key)s) as r"
    " order by r.ordinal"
)


class Use(NamedTuple):
    """That a memory was used: in which session, if any, and how (search, get, touch)."""

    namespace: str
    id: UUID
    session: str | None
    source: str


def as_row(memory: NewMemory) -> dict[str, Any]:
    """A memory as `memory.remember_many` takes it; its namespace and vector travel apart."""
    row: dict[str, Any] = msgspec.to_builtins(memory)
    row.pop("embedding", None)
    row.pop("namespace")
    return row
