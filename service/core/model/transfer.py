"""Rows of moving memories in and out of files."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct


class Exported(Struct, frozen=True, kw_only=True):
    """A memory as a line of an export: `record` is its JSON; the rest is its place in the order."""

    id: UUID
    turn: int
    created_at: datetime
    record: str


class Imported(Struct, frozen=True, kw_only=True):
    """What became of an exported memory; `twin`: the one that has its content under another id."""

    id: UUID
    layer: str
    pinned: bool
    expires_at: datetime | None
    has_embedding: bool
    outcome: str
    twin: UUID | None
    content_hash: bytes | None
