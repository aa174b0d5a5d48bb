"""Points in time as other programs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
# Since 1970 in seconds up to here (the year 5138); above it in thousandths, millionths and so on.
_SECONDS_UP_TO = 1e11


def read_moment(value: Any, *, whole_day: bool = False) -> datetime | None:
    """A point in time from ISO 8601, or seconds, milli-, micro- or nanoseconds since 1970.

    Args:
        value: text or a number, a number as text too. Without a zone it is UTC.
        whole_day: a day without a time means its end.

    Returns:
        None when there is none: null or "".

    Raises:
        ValueError: it is no time.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("no text and no number")
    text = str(value).strip()
    is_day = isinstance(value, str) and _DAY.fullmatch(text)
    if _NUMBER.fullmatch(text) and not is_day:
        number = float(text)
        while abs(number) > _SECONDS_UP_TO:
            number /= 1000
        try:
            return _EPOCH + timedelta(seconds=number)
        except OverflowError as error:
            raise ValueError(f"no time: {text}") from error
    found = datetime.fromisoformat(text)
    if is_day and whole_day:
        found = datetime.combine(found, time.max)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
