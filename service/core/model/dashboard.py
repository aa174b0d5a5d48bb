"""Rows the dashboard shows."""

from __future__ import annotations

from datetime import datetime, timedelta  # noqa: TC003 - msgspec reads the annotations
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct


class LayerLevel(Struct, frozen=True, kw_only=True):
    """How full a layer is, in bytes and percent; `ttl` null: nothing in it expires."""

    layer: str
    live_bytes: int
    budget_bytes: int
    borrowed_bytes: int
    usage_percent: float
    fragmentation_percent: float
    level: str
    memories: int
    ttl: timedelta | None
    eviction_policy: str


class Flow(Struct, frozen=True, kw_only=True):
    """Records one action moved or let go of a layer within an hour."""

    hour: datetime
    layer: str
    action: str
    to_layer: str | None
    records: int


class Promotion(Struct, frozen=True, kw_only=True):
    """A record that moved up, and by which route and score."""

    at: datetime
    namespace: str
    id: UUID
    layer: str
    to_layer: str
    route: str | None
    score: float | None


class Job(Struct, frozen=True, kw_only=True):
    """A scheduled job and its last run; `late`: how long it is overdue."""

    name: str
    cron: str | None
    enabled: bool
    description: str
    runner: str | None
    last_start: datetime | None
    duration: timedelta | None
    rows: int | None
    sqlstate: str | None
    error: str | None
    next_due: datetime | None
    late: timedelta | None
