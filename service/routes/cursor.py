"""Cursors of listings: where the page before ended, as one opaque word."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from litestar.plugins.problem_details import ProblemDetailsException

if TYPE_CHECKING:
    from collections.abc import Callable


def make_cursor(*parts: object) -> str:
    """A cursor of what orders the listing; no part may hold a space."""
    return base64.urlsafe_b64encode(" ".join(map(str, parts)).encode()).decode()


def read_cursor(cursor: str | None, *readers: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """The parts of a cursor, each read by its reader; None without one.

    Raises:
        ProblemDetailsException: it is none that this listing made (422).
    """
    if cursor is None:
        return None
    try:
        parts = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return tuple(read(part) for read, part in zip(readers, parts, strict=True))
    except (ValueError, binascii.Error) as error:
        raise ProblemDetailsException(
            status_code=422,
            title="the cursor is not one of ours",
            detail="A cursor is the field `cursor` of the page before.",
            extra={"code": "ML422", "hint": "Leave cursor out for the first page."},
        ) from error
