"""KPIs, alerts and health, as rows, JSON and OpenAPI."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from service.core.model.memories import Moment, Name  # noqa: TC001 - msgspec reads the annotations


class Kpi(Struct, frozen=True, kw_only=True):
    """A KPI of this moment.

    `scope`: of which layer, cache, quantile and so on. `value`: null where nothing was measured.
    `label`: what a number cannot say. `window_seconds`: how far it looks back; null: not at all.
    """

    kpi: str
    kpi_group: str
    scope: str
    value: float | None
    label: str | None
    unit: str
    window_seconds: float | None
    meaning: str


class Kpis(Struct, frozen=True, kw_only=True):
    """All KPIs."""

    kpis: list[Kpi]


class KpiPoint(Struct, frozen=True, kw_only=True):
    """A KPI at an instant, or its mean over an interval that begins then."""

    at: Moment
    kpi: str
    scope: str
    value: float


class KpiHistory(Struct, frozen=True, kw_only=True):
    """KPIs over time, oldest first."""

    points: list[KpiPoint]


class Alert(Struct, frozen=True, kw_only=True):
    """An alert: pending (not long enough yet), open or resolved."""

    id: int
    rule: str
    kpi: str
    scope: str
    severity: str
    state: str
    since: Moment
    opened_at: Moment | None
    resolved_at: Moment | None
    value: float | None
    worst: float | None
    threshold: float
    silenced_until: Moment | None
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    meaning: str
    hint: str


class Alerts(Struct, frozen=True, kw_only=True):
    """Alerts, those that are not over first."""

    alerts: list[Alert]


class Silence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell nobody about the alerts of a rule until then; null: tell again."""

    rule: Name
    until: Moment | None


class Health(Struct, frozen=True, kw_only=True):
    """`ok`, `degraded` (an alert is open) or `failing` (a critical one nobody looks after)."""

    status: str
    reasons: list[dict[str, Any]]


class Answer(Struct, frozen=True):
    """`ok`, or there would be a problem instead."""

    status: str


class Message(Struct, frozen=True, kw_only=True):
    """A message about an alert on its way out of a channel; `body` is what it says."""

    id: int
    channel: str
    event: str
    attempts: int
    body: dict[str, Any]


class Noted(Struct, frozen=True, kw_only=True):
    """How often a message was tried and, unless it was delivered, when it is tried again."""

    id: int
    attempts: int
    delivered_at: Moment | None
    next_attempt_at: Moment
