"""What the last reading of the archived WAL found: kept beside the local backups.

A damaged segment is found again by whoever restores across it; this is for telling of it before.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from service.core.errors import DamagedError, MissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobs.storage.tier import Storage

_PATH = "wal-verdict.json"


class WalVerdict(msgspec.Struct, frozen=True):
    """When all archived WAL was read, and which files of it are not as they were written."""

    read_at: datetime
    damaged: list[str]


def note(local: Storage, damaged: Sequence[str]) -> None:
    """Keep what was found."""
    body = msgspec.json.encode(WalVerdict(datetime.now(UTC), sorted(damaged)))
    local.put(_PATH, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def found(local: Storage) -> WalVerdict | None:
    """What was found last; None when nothing was read yet.

    Raises:
        DamagedError: the note is not as it was written.
    """
    try:
        digest, _, body = local.get(_PATH).partition(b"\n")
    except MissingError:
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise DamagedError(
            f"{_PATH}, the note about the archived WAL, is damaged", hint="magray backup verify"
        )
    return msgspec.json.decode(body, type=WalVerdict)
