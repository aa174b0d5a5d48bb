"""When a backup, a verification or a drill is due: the rules, which look at nothing else.

A full every `full_hours` once there is one, a compressed one when memory pressure was high (at most
one a day), an incremental after `incremental_mb` of WAL, a verification when bytes were last read
`verify_days` ago, a drill when the last proof is `drill_days` old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobs.backup.chain import parent_for
from jobs.backup.wal import parse_lsn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobs.backup.catalogue import Catalogue
    from service.core.model.backups import ServerFacts
    from service.core.settings import BackupSettings

_CALM = timedelta(days=1)  # between two backups for pressure: the level may flap
_FRESH = timedelta(hours=1)  # how long pressure counts: what it evicts is in the WAL anyway
_MB = 1 << 20


@dataclass(frozen=True)
class Moment:
    """What decides whether something is due.

    Attributes:
        newest_full: when the newest restorable full was complete.
        newest_compressed: the same of the kind compressed.
        unread: when the restorable backup that was not read for longest was read or written.
        proven: when a chain was last proved.
        wal_bytes: written since the newest backup began.
        pressure_at: when memory pressure was last high.
    """

    now: datetime
    newest_full: datetime | None
    newest_compressed: datetime | None
    unread: datetime | None
    proven: datetime | None
    wal_bytes: int
    pressure_at: datetime | None = None


def due_at(moment: Moment, settings: BackupSettings) -> dict[str, datetime]:
    """When each is due, as far as that is known, the most urgent first.

    Of full, compressed, incremental, verify and drill: what depends on pressure or WAL is due now
    or not known.
    """
    full, now = moment.newest_full, moment.now
    if full is None:
        return {}  # nobody has set backups up

    def after(since: datetime | None, span: timedelta) -> datetime | None:
        return since + span if span and since is not None else None

    pressed = moment.pressure_at is not None and now - moment.pressure_at < _FRESH
    calm = moment.newest_compressed is None or now - moment.newest_compressed >= _CALM
    grown = settings.incremental_mb and moment.wal_bytes >= settings.incremental_mb * _MB
    times = {
        "full": after(full, timedelta(hours=settings.full_hours)),
        "compressed": now if pressed and calm else None,
        "incremental": now if grown else None,
        "verify": after(moment.unread, timedelta(days=settings.verify_days)),
        "drill": after(moment.proven or full, timedelta(days=settings.drill_days)),
    }
    return {action: at for action, at in times.items() if at is not None}


def moment_of(
    facts: ServerFacts, known: Catalogue, *, pressure_at: datetime | None = None
) -> Moment:
    """What decides, from a server's facts and the catalogue."""
    ours = [
        one for one in known.backups if one.manifest.system == facts.system and one.fault is None
    ]
    newest = parent_for(facts, known.backups)
    since = 0 if newest is None else parse_lsn(newest.manifest.start_lsn)
    same = newest is not None and newest.manifest.timeline == facts.timeline
    kinds: dict[str, Callable[[str], bool]] = {
        "full": lambda kind: kind in ("full", "snapshot"),
        "compressed": lambda kind: kind == "compressed",
    }
    latest = {
        name: max(
            (one.manifest.stopped_at for one in ours if fits(one.manifest.kind)), default=None
        )
        for name, fits in kinds.items()
    }
    proven = [one.verdict.proven_at for one in ours if one.verdict.proven_at is not None]
    return Moment(
        now=facts.now,
        newest_full=latest["full"],
        newest_compressed=latest["compressed"],
        unread=min((one.read_at for one in ours if not one.tier.cold), default=None),
        proven=max(proven, default=None),
        wal_bytes=parse_lsn(facts.lsn) - since if same else 0,
        pressure_at=pressure_at,
    )
