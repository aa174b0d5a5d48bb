"""Numbers as people read them, for the templates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.core.model.watch import Kpi

NOTHING = "\N{EN DASH}"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def size(number: float | None) -> str:
    """Bytes, in steps of 1024 as the budgets have them."""
    if number is None:
        return NOTHING
    step = 0
    while abs(number) >= 1024 and step < len(_UNITS) - 1:
        number /= 1024
        step += 1
    return f"{number:.0f} {_UNITS[step]}" if step == 0 else f"{number:.1f} {_UNITS[step]}"


def span(length: timedelta | float | None) -> str:
    """A length of time by its two largest units."""
    if length is None:
        return NOTHING
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    parts = []
    for unit, name in _SPANS:
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count:.0f} {name}")
    return " ".join(parts[:2])


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the minute."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def reading(kpi: Kpi) -> str:
    """A KPI's value with its unit, or its words."""
    if kpi.value is None:
        return NOTHING
    if kpi.unit == "unix time":
        return moment(datetime.fromtimestamp(kpi.value, UTC))
    if kpi.unit == "level":
        return kpi.label or NOTHING
    shown = _with_unit(kpi.value, kpi.unit)
    return f"{shown} ({kpi.label})" if kpi.label else shown


def _with_unit(value: float, unit: str) -> str:
    match unit:
        case "bytes":
            return size(value)
        case "seconds":
            return span(value)
        case "share":
            return f"{100 * value:.1f} %"
        case "percent":
            return f"{value:.1f} %"
    return f"{number(value)} {unit}"


def number(value: float | None) -> str:
    """Four digits that count, never powers of ten; whole from a thousand on."""
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    short = f"{value:.4g}"
    return f"{value:.8f}".rstrip("0").rstrip(".") if "e" in short else short


FILTERS = {"number": number, "size": size, "span": span, "moment": moment, "reading": reading}
