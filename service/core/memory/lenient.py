"""JSON as the database holds it, read whatever it is: one odd memory does not spoil a list.

PostgreSQL keeps numbers of 100,000 digits and lists nested as deep as its stack allows; neither
Python nor most who ask can read them. What is beyond them is given as its text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

# As memory._check_fields lets in, 500 below the outermost; Python reads less than a thousand.
_DEEPEST = 501
# Python reads no integer of more digits.
_LONGEST_NUMBER = 4300
# Strings as a whole, so that the brackets in them do not count.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def read_json(data: bytes | bytearray | memoryview | str) -> Any:
    """A value of a column of JSON.

    Args:
        data: as PostgreSQL writes it.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        text = data if isinstance(data, str) else bytes(data).decode()
        return json.loads(_levelled(text), parse_int=_integer, parse_float=_fraction)


def _levelled(text: str) -> str:
    """JSON with what is nested deeper than the deepest as a text of it."""
    kept: list[str] = []
    depth = begin = end = 0
    for found in _TOKENS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                begin = found.start()
        elif found[0] in "]}":
            depth -= 1
            if depth == _DEEPEST:
                kept += [text[end:begin], json.dumps(text[begin : found.end()])]
                end = found.end()
    return "".join([*kept, text[end:]])


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
