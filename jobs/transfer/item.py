"""What readers hand over, and how they say that a file is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from service.errors import MagrayError

if TYPE_CHECKING:
    from service.model import NewMemory

# What `magray import` stores of imported conversations and facts: kept for 90 days and promoted
# when used, where the default of the API (user_interaction) would be gone tomorrow.
DEFAULT_KIND = "learned_context"
# The longest content the database takes, see NewMemory.
MAX_CHARS = 65_536


class FileError(MagrayError):
    """A file is missing, unreadable, or not what its format promises; names the place."""

    code = "MLF01"


@dataclass(frozen=True, slots=True)
class Item:
    """A memory read from a file.

    Attributes:
        place: where it stands, such as "line 7".
        memory: ready to be stored.
    """

    place: str
    memory: NewMemory


@dataclass(frozen=True, slots=True)
class Skip:
    """Something in the file that is no memory, and why."""

    place: str
    reason: str


Entry: TypeAlias = Item | Skip


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the caller wants other than what the file says.

    Attributes:
        namespace: everything goes in here.
        kind: every memory is of this kind.
    """

    namespace: str | None = None
    kind: str | None = None


def unfit(content: str) -> str | None:
    """Why a text cannot be a memory, None when it can."""
    if not content.strip():
        return "no text"
    if len(content) > MAX_CHARS:
        return f"more than {MAX_CHARS:,} characters"
    return None
