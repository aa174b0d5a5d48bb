"""Texts and numbers JSON can write and PostgreSQL cannot hold, and where in a value they stand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SURROGATES = ("\ud800", "\udfff")


def unstorable(value: Any) -> str | None:
    """Where the first text or number stands that cannot be stored, and what it is; None: nowhere.

    Args:
        value: decoded JSON.
    """
    for path, found in _leaves(value, "$"):
        if isinstance(found, float):
            if not math.isfinite(found):
                return f"{path} is a number out of range"
            continue
        if "\0" in found:
            return f"{path} holds the character NUL (\\u0000), which PostgreSQL cannot store"
        for sign in found:
            if _SURROGATES[0] <= sign <= _SURROGATES[1]:
                return f"{path} holds half a character (\\u{ord(sign):04x}, a lone surrogate)"
    return None


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str | float]]:
    """Texts (keys too) and floats with their places, in the order of the document."""
    todo = [(path, value)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, str | float):
            yield path, value
        elif isinstance(value, dict):
            yield from ((f"{path}: a key", key) for key in value)
            todo += [(f"{path}.{key}", one) for key, one in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(f"{path}[{i}]", one) for i, one in reversed(list(enumerate(value)))]
