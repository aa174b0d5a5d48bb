"""A line of an export: a memory with its place, life, use and history.

What is in it is checked here, so that a fault has its field; the line itself goes to
`memory.import_records` as it is, digit by digit.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import Annotated, Any
from uuid import UUID  # noqa: TC003

from msgspec import Meta, Struct

from service.core.model.memories import Kind, Score, Vector  # noqa: TC001

# The form of the lines this version writes and reads.
VERSION = 1

Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class _Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Usage(_Strict, frozen=True, kw_only=True):
    """How often it was used and rated, and what promotion and eviction know of it."""

    access_count: _Count = 0
    first_access: datetime | None = None
    last_access: datetime | None = None
    rating_sum: Annotated[float, Meta(ge=0)] = 0
    rating_count: _Count = 0
    context_relevance: float | None = None
    past_uses: _Count = 0
    verdict: Annotated[int, Meta(ge=0, le=2**15 - 1)] | None = None
    gap: Annotated[float, Meta(ge=0)] | None = None


class Revision(_Strict, frozen=True, kw_only=True):
    """What it was before an edit."""

    at: datetime
    content: str
    kind: Kind
    metadata: dict[str, Any]
    importance: Score
    pinned: bool


class Use(_Strict, frozen=True, kw_only=True):
    """A use or a rating."""

    at: datetime
    source: str
    session: str | None = None
    rating: Annotated[float, Meta(ge=1, le=5)] | None = None


class Decided(_Strict, frozen=True, kw_only=True):
    """A decision about it."""

    at: datetime
    action: str
    layer: str
    to_layer: str | None = None
    kind: str | None = None
    to_kind: str | None = None
    route: str | None = None
    score: float | None = None
    criteria: dict[str, Any] | None = None
    model: str | None = None
    records: _Count = 1
    detail: dict[str, Any] | None = None
    actor: str | None = None


class Whole(_Strict, frozen=True, kw_only=True):
    """The line. `magray` is the version of its form; `expires_at` null means never."""

    magray: int
    namespace: Name
    id: UUID
    layer: str
    kind: Kind
    content: str
    created_at: datetime
    entered_at: datetime
    expires_at: datetime | None = None
    remembered_as: Kind | None = None
    metadata: dict[str, Any] | None = None
    session: Name | None = None
    turn: _Count | None = None
    language: Name | None = None
    importance: Score | None = None
    pinned: bool | None = None
    bytes: _Count | None = None
    usage: Usage | None = None
    revisions: list[Revision] | None = None
    events: list[Use] | None = None
    decisions: list[Decided] | None = None
    model: Name | None = None
    embedding: Vector | None = None
