"""Which memory of a batch a fault is about: PostgreSQL counts those of one namespace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from service.core.memory.vectors import to_halfvector

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    from numpy.typing import NDArray

# How memory.remember_many and import_records name a fault.
_FAULT = re.compile(r"memory (\d+): ?(.*)", re.DOTALL)
_NOTE = "of the batch: "


class NamedFault(NamedTuple):
    """A memory PostgreSQL refused: its place among those of one namespace from 0, and why."""

    place: int
    reason: str


def named_fault(error: psycopg.Error) -> NamedFault | None:
    """Which memory of a batch of one namespace an error is about, None when it names none."""
    found = _FAULT.match(error.diag.message_primary or "")
    return NamedFault(int(found[1]) - 1, found[2]) if found else None


def note_place(
    error: psycopg.Error, places: Sequence[int], vectors: Sequence[NDArray[np.float32] | None]
) -> None:
    """Note on an error which memory of the whole batch it is about, if it is about one.

    Args:
        error: what storing the memories of one namespace raised.
        places: where in the batch each of them stands, from 0.
        vectors: of the whole batch.
    """
    named = named_fault(error)
    if named is not None:
        place = places[named.place]
    elif (error.sqlstate or "")[:2] == "22":
        # refused on its way in: too large for 16 bits, or no number
        endless = (place for place in places if not _is_finite(vectors[place]))
        place = next(endless, -1)
    else:
        return
    if place >= 0:
        error.add_note(f"{_NOTE}{place}")


def noted_place(error: psycopg.Error) -> int | None:
    """What `note_place` noted: the place in the batch, from 0."""
    for note in getattr(error, "__notes__", ()):
        if note.startswith(_NOTE):
            return int(note.removeprefix(_NOTE))
    return None


def renumbered(text: str, place: int) -> str:
    """A sentence about a memory, counted in the whole batch."""
    return re.sub(r"\bmemory \d+", f"memory {place + 1}", text, count=1)


def _is_finite(vector: NDArray[np.float32] | None) -> bool:
    return vector is None or bool(np.isfinite(to_halfvector(vector).to_numpy()).all())
