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
