"""What a restore is to reach: an instant, a name, a position, or as far as WAL goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.backup.wal import format_lsn, parse_lsn
from service.core.errors import NotRestorableError

_LSN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")


@dataclass(frozen=True)
class Target:
    """Exactly one of the four.

    Attributes:
        at: everything committed by this instant, which has a time zone.
        name: of a mark.
        position: in WAL.
        latest: as far as WAL goes without a gap.
        inclusive: with what was committed in the very microsecond of `at`.
    """

    at: datetime | None = None
    name: str | None = None
    position: int | None = None
    latest: bool = False
    inclusive: bool = True

    def __str__(self) -> str:
        if self.at is not None:
            return self.at.isoformat().replace("+00:00", "Z")
        if self.position is not None:
            return f"LSN {format_lsn(self.position)}"
        return f"the mark “{self.name}”" if self.name is not None else "the end of WAL"


def parse_target(
    to: str | None = None,
    name: str | None = None,
    lsn: str | None = None,
    *,
    latest: bool = False,
    exclusive: bool = False,
) -> Target:
    """Read what was asked for.

    Raises:
        NotRestorableError: not exactly one target, or one that is not clear beyond doubt.
    """
    given = [value for value in (to, name, lsn, latest or None) if value is not None]
    if len(given) != 1:
        raise NotRestorableError(
            "name exactly one target",
            detail=f"{len(given)} were given.",
            hint="magray restore --to 2026-11-20T10:00:00Z, --name, --lsn or --latest",
        )
    if to is not None:
        return Target(at=parse_instant(to), inclusive=not exclusive)
    if lsn is not None:
        if not _LSN.fullmatch(lsn):
            raise NotRestorableError(
                f"{lsn!r} is no WAL position", hint="magray restore --lsn 0/3000028"
            )
        return Target(position=parse_lsn(lsn))
    return Target(name=name) if name is not None else Target(latest=True)


def parse_instant(text: str) -> datetime:
    """An instant, in UTC.

    Raises:
        NotRestorableError: no time, or none beyond doubt: `Z` or an offset must say the zone.
            A name such as Europe/Lisbon means two instants in one hour of the year.
    """
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise NotRestorableError(
            f"{text!r} is no instant",
            detail="Write it as ISO 8601 with Z or a numeric offset.",
            hint="magray restore --to 2026-11-20T10:00:00Z",
        ) from error
    if at.tzinfo is None:
        raise NotRestorableError(
            f"{text!r} has no time zone",
            detail="It means another instant in another place.",
            hint=f"magray restore --to {at.isoformat()}Z, or +02:00 instead of the Z",
        )
    return at.astimezone(UTC)
