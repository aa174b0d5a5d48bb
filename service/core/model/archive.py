"""Rows of the archive: what waits for it, its files, what comes back from them."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct
from pgvector import HalfVector  # noqa: TC002 - msgspec reads the annotations


class Backlog(Struct, frozen=True, kw_only=True):
    """What waits: `item` says for what, `waiting` how many records, `since` the oldest of them."""

    item: str
    waiting: int
    since: datetime | None
    note: str | None


class ArchiveFile(Struct, frozen=True, kw_only=True):
    """A file as `memory.archives` shows it; `state`: stored, damaged, missing and so on.

    `restored`: records of it that live again. `erasing`: records it is to lose.
    """

    file: str
    tier: str
    created_at: datetime
    rows: int
    bytes: int
    layers: list[str]
    namespaces: int
    oldest: datetime | None
    newest: datetime | None
    state: str
    restored: int | None
    erasing: int
    verified_at: datetime | None


class KnownFile(Struct, frozen=True, kw_only=True):
    """A file the database knows, its size in bytes; `leaving`: it is to be deleted."""

    archive: UUID
    file: str
    bytes: int
    rows: int
    leaving: bool


class OutboxRecord(Struct, frozen=True, kw_only=True):
    """A record on its way to a file: the columns of a file of the archive.

    `seq` is its place in the outbox; `metadata`, `usage`, `revisions` and `events` are JSON as
    text.
    """

    seq: int
    namespace: str
    id: UUID
    archived_at: datetime
    reason: str
    layer: str
    kind: str
    content: str
    content_hash: bytes
    embedding: HalfVector | None
    model: str | None
    language: str
    metadata: str
    session: str | None
    turn: int
    importance: float
    pinned: bool
    created_at: datetime
    entered_at: datetime
    expires_at: datetime | None
    size: int
    access_count: int
    first_access: datetime | None
    last_access: datetime | None
    rating_sum: float
    rating_count: int
    context_relevance: float | None
    usage: str
    revisions: str
    events: str


class Rewrite(Struct, frozen=True, kw_only=True):
    """A file that holds forgotten records, and which: `namespaces` and `ids` side by side."""

    archive: UUID
    file: str
    tier: str
    bytes: int
    rows: int
    namespaces: list[str]
    ids: list[UUID]


class Replaced(Struct, frozen=True, kw_only=True):
    """How many records a rewritten file holds no more."""

    erased: int


class Settled(Struct, frozen=True, kw_only=True):
    """What became of a record of a lost file: erased, lost or copy."""

    outcome: str


class Place(Struct, frozen=True, kw_only=True):
    """Where archived records lie; `file` null: in the outbox, not written yet."""

    archive: UUID | None
    file: str | None
    bytes: int | None
    ids: list[UUID]


class Returned(Struct, frozen=True, kw_only=True):
    """What became of an archived record that was to come back."""

    id: UUID
    outcome: str
    content_hash: bytes


class Copy(Struct, frozen=True, kw_only=True):
    """A copy of a restored record, to be erased from its file."""

    namespace: str
    id: UUID
    archive: UUID


class Held(Struct, frozen=True, kw_only=True):
    """How many memories a namespace holds in one place, in how many copies and files."""

    place: str
    memories: int
    copies: int
    files: int
