"""The shapes of backups, restores and their runs, as they travel."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID  # noqa: TC003 - msgspec and Litestar read the annotations

from msgspec import Meta, Struct

from service.core.model.memories import END, NOT_BLANK

Moment = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]


class BackupRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A backup to take. An incremental becomes a full where it cannot be trusted; it says why."""

    kind: Literal["full", "incremental", "snapshot", "compressed"] = "full"


class RestoreRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A restore into `restores/<into>` of the data directory: exactly one of the first four."""

    into: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}{END}")]
    to: Annotated[str, Meta(max_length=64, pattern=NOT_BLANK)] | None = None
    name: Annotated[str, Meta(max_length=60, pattern=NOT_BLANK)] | None = None
    lsn: Annotated[str, Meta(max_length=20, pattern=NOT_BLANK)] | None = None
    latest: bool = False
    exclusive: bool = False


class Run(Struct, frozen=True, kw_only=True):
    """A backup, verification, restore or drill, under way or ended; `done` of `total` in bytes."""

    id: UUID
    action: str
    request: dict[str, Any]
    state: str
    stage: str
    done: int
    total: int | None
    started_at: Moment
    finished_at: Moment | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None


class BackupRecord(Struct, frozen=True, kw_only=True):
    """A backup. It restores every instant from `restorable_since` to `restorable_until`."""

    id: str
    kind: str
    tier: str
    chain: str
    parent: str | None
    reason: str
    timeline: int
    started_at: Moment
    stopped_at: Moment
    bytes: int
    stored_bytes: int
    chain_bytes: int
    chain_links: int
    encrypted: bool
    restorable: bool
    fault: str | None
    verified_at: Moment | None
    proven_at: Moment | None
    restorable_since: Moment | None
    restorable_until: Moment | None
    proven_until: Moment | None


class BackupList(Struct, frozen=True, kw_only=True):
    """The backups, newest first, and the latest runs."""

    backups: list[BackupRecord]
    runs: list[Run]


class Begun(Struct, frozen=True, kw_only=True):
    """A run that began: `GET /v1/backups/runs/{id}` tells how it gets on."""

    run: UUID


class ServerFacts(Struct, frozen=True, kw_only=True):
    """A server's version, identity and position, and the settings backups depend on."""

    version: str
    version_num: int
    system: str
    timeline: int
    now: datetime
    lsn: str
    in_recovery: bool
    wal_level: str
    data_checksums: str
    summarize_wal: str
    archive_mode: str
    segment_size: int
    summary_keep_seconds: int
    preload: str
    extensions: dict[str, str]
    tablespaces: int
    bytes: int


class Archiver(Struct, frozen=True, kw_only=True):
    """How archiving goes: segments that wait, what came last, what failed last."""

    last_archived_wal: str | None
    last_archived_time: datetime | None
    last_failed_wal: str | None
    last_failed_time: datetime | None
    waiting: int


class Archived(Struct, frozen=True, kw_only=True):
    """What differs whenever a segment was archived."""

    archived_count: int
    last_archived_wal: str | None
    stats_reset: datetime | None


class Marked(Struct, frozen=True, kw_only=True):
    """A restore point that was made, and when by the server's clock."""

    lsn: str
    at: datetime
    timeline: int
    system: str


class Point(Struct, frozen=True, kw_only=True):
    """A restore point, and the snapshot that sees what was there then."""

    snapshot: str
    lsn: str


class LayerDigest(Struct, frozen=True, kw_only=True):
    """How many memories a layer holds, and a digest of all of them."""

    layer: str
    memories: int
    digest: str


class Witnessed(Struct, frozen=True, kw_only=True):
    """What the layers held at a named restore point: of each, memories and digest."""

    name: str
    lsn: str
    layers: dict[str, list[str]]


class Replayed(Struct, frozen=True, kw_only=True):
    """Where a recovery ended: the last commit it replayed; `timeline` null: it goes on."""

    in_recovery: bool
    last_commit: datetime | None
    lsn: str
    timeline: int | None
    system: str


class TableName(Struct, frozen=True, kw_only=True):
    """A table with a vector index."""

    schema: str
    name: str


class BroughtBack(Struct, frozen=True, kw_only=True):
    """What became of a record of a past instant that was put back."""

    id: UUID
    layer: str
    outcome: str
