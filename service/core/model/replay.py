"""Rows a replay of an access trace reads."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

from msgspec import Struct


class Remembered(Struct, frozen=True, kw_only=True):
    """Where a memory was stored; `expires_at` null: it stays."""

    id: UUID
    layer: str
    expires_at: datetime | None


class Moved(Struct, frozen=True, kw_only=True):
    """A record that was promoted, and where to."""

    id: UUID
    to_layer: str


class Life(Struct, frozen=True, kw_only=True):
    """When a live record expires; null: never."""

    id: UUID
    expires_at: datetime | None


class DayCount(Struct, frozen=True, kw_only=True):
    """How many records one action was about on a day, counted from the first."""

    day: int
    action: str
    records: int


class Blocking(Struct, frozen=True, kw_only=True):
    """How often a criterion holds records of a layer back from promotion.

    `failing` of the `judged` fail it, `share` of them; `alone` fail nothing else.
    """

    criterion: str
    records: int
    judged: int
    failing: int
    alone: int
    share: float | None
