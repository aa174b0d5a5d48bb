"""The rules, without any input or output: what a run takes, which chain restores an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobs.backup.wal import Fork, parse_lsn
from service.core.errors import NotRestorableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobs.backup.catalogue import Backup
    from service.core.model.backups import ServerFacts

# "existing incremental backup files should not be trusted", says the note of this release.
TRUSTED_INCREMENTALS = 180007


@dataclass(frozen=True)
class Decision:
    """What a run takes, and why it is not what was asked for (empty: it is)."""

    kind: str
    parent: Backup | None
    reason: str = ""


def decide_incremental(
    facts: ServerFacts,
    backups: Sequence[Backup],
    whole: bool,
    *,
    allow_untrusted: bool,
    max_chain: int,
) -> Decision:
    """Whether an incremental may be taken now, on which parent.

    Args:
        facts: the server's, as `Backups.facts` tells them.
        backups: the catalogue, oldest first.
        whole: whether the WAL since the parent is summarised without a hole.
        allow_untrusted: the explicit override of the version floor.
        max_chain: longest chain, the full included.
    """
    parent = parent_for(facts, backups)
    reason = (
        _server_forbids(facts, allow_untrusted=allow_untrusted)
        or ("there is no backup to build on" if parent is None else None)
        or _parent_forbids(facts, parent, backups, max_chain)
        or (None if whole else "the WAL since its parent is not summarised whole")
    )
    if reason is not None:
        return Decision("full", None, f"a full instead of an incremental: {reason}")
    return Decision("incremental", parent)


def parent_for(facts: ServerFacts, backups: Sequence[Backup]) -> Backup | None:
    """The newest full or incremental of this cluster on its timeline; broken ones count too."""
    for one in reversed(backups):
        ours = one.manifest.system == facts.system
        if ours and one.manifest.kind in ("full", "incremental"):
            return one
    return None


def _server_forbids(facts: ServerFacts, *, allow_untrusted: bool) -> str | None:
    if facts.version_num < TRUSTED_INCREMENTALS and not allow_untrusted:
        return f"incrementals of PostgreSQL {facts.version} can be wrong, those of 18.7 cannot"
    if facts.summarize_wal != "on":
        return "summarize_wal is off"
    return None


def _parent_forbids(
    facts: ServerFacts, parent: Backup | None, backups: Sequence[Backup], max_chain: int
) -> str | None:
    if parent is None:
        return None
    made = parent.manifest
    age = facts.now - made.started_at
    keep = timedelta(seconds=facts.summary_keep_seconds)
    if parent.fault is not None:
        return f"{parent.id} cannot be built on: {parent.fault}"
    if made.timeline != facts.timeline:
        return f"the server is on timeline {facts.timeline}, {parent.id} on {made.timeline}"
    if made.server["version"] != facts.version:
        return f"PostgreSQL {facts.version} took over from {made.server['version']}"
    if made.server["data_checksums"] != facts.data_checksums:
        return "data checksums were switched since"
    if keep and age > keep:
        return f"{parent.id} is {_days(age)} old, WAL summaries are kept {_days(keep)}"
    if parse_lsn(made.start_lsn) > parse_lsn(facts.lsn):
        return f"{parent.id} is ahead of the server, which went back in time"
    if len(chain_of(parent, backups)) >= max_chain:
        return f"the chain has {max_chain} links"
    return None


def _days(span: timedelta) -> str:
    return f"{span.total_seconds() / 86400:.1f} days"


def chain_of(backup: Backup, backups: Iterable[Backup]) -> list[Backup]:
    """A backup with all it builds on, the full first.

    Raises:
        NotRestorableError: a link is missing or broken.
    """
    known = {one.id: one for one in backups}
    chain = [backup]
    while True:
        first = chain[0]
        if first.fault is not None:
            raise NotRestorableError(
                f"backup {first.id} cannot be restored",
                detail=first.fault,
                hint="magray backup list",
            )
        if first.manifest.parent is None:
            return chain
        if first.manifest.parent not in known or len(chain) > len(known):
            raise NotRestorableError(
                f"backup {first.id} builds on {first.manifest.parent}, which is missing",
                hint="magray backup list",
            )
        chain.insert(0, known[first.manifest.parent])


def reaches(backup: Backup, timeline: int, history: dict[int, Fork]) -> bool:
    """Whether a backup lies on the way to a timeline, before that left the backup's own."""
    if backup.manifest.timeline == timeline:
        return True
    for fork in history.values():
        if fork.parent == backup.manifest.timeline:
            return parse_lsn(backup.manifest.stop_lsn) <= fork.position
    return False


def bases(
    backups: Iterable[Backup],
    system: str,
    timeline: int,
    history: dict[int, Fork],
    *,
    before: datetime | None = None,
    at_most: int | None = None,
) -> list[Backup]:
    """Backups a restore may start from, the best first: the newest that is complete by then.

    Args:
        backups: the catalogue.
        system: of the cluster.
        timeline: to end on.
        history: of that timeline.
        before: complete at this instant.
        at_most: complete at this WAL position.
    """
    found = [
        one
        for one in backups
        if one.manifest.system == system
        and reaches(one, timeline, history)
        and (before is None or one.manifest.stopped_at <= before)
        and (at_most is None or parse_lsn(one.manifest.stop_lsn) <= at_most)
    ]
    return sorted(found, key=lambda one: parse_lsn(one.manifest.stop_lsn), reverse=True)


@dataclass(frozen=True)
class Window:
    """Every instant from `since` to `until`, both included, can be restored."""

    system: str
    timeline: int
    since: datetime
    until: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.since <= instant <= self.until


def merge(windows: Iterable[Window]) -> list[Window]:
    """Overlapping windows of a timeline as one, in order."""
    merged: list[Window] = []
    for one in sorted(windows, key=lambda w: (w.system, w.timeline, w.since)):
        last = merged[-1] if merged else None
        same = last and (last.system, last.timeline) == (one.system, one.timeline)
        if last is not None and same and one.since <= last.until:
            until = max(last.until, one.until)
            merged[-1] = Window(last.system, last.timeline, last.since, until)
        else:
            merged.append(one)
    return merged


def nearest(
    windows: Iterable[Window], instant: datetime
) -> tuple[datetime | None, datetime | None]:
    """The last restorable instant before, and the first after."""
    known = list(windows)
    before = [min(one.until, instant) for one in known if one.since <= instant]
    after = [max(one.since, instant) for one in known if one.until >= instant]
    return max(before, default=None), min(after, default=None)
