"""What goes to the functions in other shapes than those of `service/core/model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from uuid import UUID

    from service.core.model.memories import NewMemory


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
