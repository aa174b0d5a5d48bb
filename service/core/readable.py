"""How a value reads in a table for people: no Python, no digits nobody needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EXACT = 1000  # from here on what follows the point says nothing


def shown(value: Any) -> str:
    """A value as people write it; nothing for None, JSON has it in full.

    Times are in UTC and to the second, numbers to three places, lists without brackets.
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() | Decimal():
            return _number(float(value))
        case datetime():
            return _instant(value)
        case timedelta():
            return _span(value)
        case Mapping():
            return ", ".join(f"{name}: {shown(one)}" for name, one in value.items())
        case list() | tuple() | set() | frozenset():
            return ", ".join(shown(one) for one in value)
        case _:
            return str(value)


def counted(number: int, one: str, several: str = "") -> str:
    """A number and its noun: `1 namespace`, `2,000 namespaces`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def after(instant: datetime) -> datetime:
    """The first whole second that is not before an instant: the first one that can be restored."""
    whole = instant.replace(microsecond=0)
    return whole if whole == instant else whole + timedelta(seconds=1)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= _EXACT:
        return f"{value:.0f}"
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep=" ", timespec="seconds")
    # as `magray restore --to` takes it, without quotes around a blank
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _span(value: timedelta) -> str:
    """`2 days 03:04:05`, as PostgreSQL writes it; below a minute in seconds."""
    seconds = value.total_seconds()
    if abs(seconds) < 60:
        return f"{_number(seconds)} s"
    sign = "-" if seconds < 0 else ""
    days, rest = divmod(round(abs(seconds)), 86400)
    clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return sign + (f"{counted(days, 'day')} {clock}" if days else clock)
