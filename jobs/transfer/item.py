"""What readers hand over, and how they say that a file is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from service.core.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from service.core.model.memories import NewMemory

# What `magray import` stores of imported conversations and facts: kept for 90 days and promoted
# when used, where the default of the API (user_interaction) would be gone tomorrow.
DEFAULT_KIND = "learned_context"
# The longest content the database takes, see NewMemory.
MAX_CHARS = 65_536
# Why a memory whose time is up is not stored.
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Item:
    """A new memory read from a file.

    Attributes:
        place: where it stands, such as "line 7".
        memory: ready to be stored.
        expires_at: its end, if the file names one as a time.
        raw: what stands there, for a report.
    """

    place: str
    memory: NewMemory
    expires_at: datetime | None = None
    raw: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A memory of an export, to be put in as it was.

    Attributes:
        place: where it stands.
        namespace: where it goes.
        raw: the line, JSON.
        model: whose vector it brings, None without one.
    """

    place: str
    namespace: str
    raw: bytes = field(repr=False)
    model: str | None


@dataclass(frozen=True, slots=True)
class Skip:
    """Something in the file that is no memory, and why."""

    place: str
    reason: str
    raw: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the file that is wrong, in an import that goes on past it."""

    place: str
    error: FileError
    raw: bytes = field(default=b"", compare=False, repr=False)


Entry: TypeAlias = Item | Record | Skip | Fault


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the caller wants other than what the file says.

    Attributes:
        namespace: everything goes in here.
        kind: every memory is of this kind.
        forever: new memories without an end of their own are pinned.
        ignored: fields to leave aside.
        skip_faults: hand over what is wrong as a `Fault` instead of raising it.
    """

    namespace: str | None = None
    kind: str | None = None
    forever: bool = False
    ignored: frozenset[str] = frozenset()
    skip_faults: bool = False


def guarded(choice: Choice, place: str, raw: bytes, make: Callable[[], Entry]) -> Entry:
    """What `make` makes of a piece of a file; if it is wrong, as the caller chose."""
    try:
        return make()
    except FileError as error:
        if not choice.skip_faults:
            raise
        return Fault(place, error, raw)


def unfit(content: str) -> str | None:
    """Why there is nothing to remember in a text, None when there is."""
    return None if content.strip() else "no text"
