"""Texts and numbers JSON can write and PostgreSQL cannot hold, and where in a value they stand."""

from __future__ import annotations

import math
from typing import Any

from service.core.leaves import leaves

_SURROGATES = ("\ud800", "\udfff")


def unstorable(value: Any) -> str | None:
    """Where the first text or number stands that cannot be stored, and what it is; None: nowhere.

    Args:
        value: decoded JSON.
    """
    for place, found, is_key in leaves(value):
        path = f"{place}: a key" if is_key else place
        if isinstance(found, float) and not math.isfinite(found):
            return f"{path} is a number out of range"
        if not isinstance(found, str):
            continue
        if "\0" in found:
            return f"{path} holds the character NUL (\\u0000), which PostgreSQL cannot store"
        for sign in found:
            if _SURROGATES[0] <= sign <= _SURROGATES[1]:
                return f"{path} holds half a character (\\u{ord(sign):04x}, a lone surrogate)"
    return None
