"""Chooses the chain and the timeline a restore needs, or refuses and names what works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.backup.chain import bases, chain_of, nearest
from jobs.backup.marks import find_mark
from jobs.backup.wal import parse_lsn
from jobs.backup.windows import timeline_at, windows_of
from service.core.errors import MissingError, NotRestorableError

if TYPE_CHECKING:
    from datetime import datetime

    from jobs.backup.catalogue import Backup, Catalogue
    from jobs.backup.repository import Repository
    from jobs.backup.target import Target
    from jobs.backup.wal import Fork, Listing


@dataclass(frozen=True)
class Plan:
    """How a target is reached.

    Attributes:
        target: with a mark resolved to its position.
        chain: the full first.
        timeline: recovery ends on it.
        history: how it came about.
    """

    target: Target
    chain: list[Backup]
    timeline: int
    history: dict[int, Fork]
    listing: Listing


def make_plan(
    repository: Repository, target: Target, system: str | None, timeline: int | None
) -> Plan:
    """Choose chain and timeline.

    Raises:
        NotRestorableError: there are none; says which instants work.
    """
    known = repository.catalogue()
    system = system or _only_system(known)
    listing = repository.wal.listing(int(system))
    if target.name is not None:
        mark = find_mark(repository, known, system, target.name)
        target = replace(target, name=None, position=parse_lsn(mark.lsn))
        timeline = timeline or mark.timeline
    if timeline is None:
        timeline = _timeline(repository, known, listing, target)
    try:
        history = repository.wal.history(listing, timeline)
    except MissingError as error:
        raise NotRestorableError(error.message, detail=error.detail, hint=error.hint) from error
    found = bases(
        known.backups, system, timeline, history, before=target.at, at_most=target.position
    )
    reasons = []
    for base in found:
        try:
            chain = chain_of(base, known.backups)
        except NotRestorableError as error:
            reasons.append(error.in_a_line)
        else:
            return Plan(target, chain, timeline, history, listing)
    broken = [f"{name}: {why}" for name, (why, _) in known.incomplete.items()]
    if known.locked and not found:
        raise known.locked_out(f"cannot restore {target}")
    raise refusal(
        repository,
        known,
        target,
        system,
        "no backup was complete by then" if not found else "no chain of backups is whole",
        [*reasons, *broken],
    )


def _only_system(known: Catalogue) -> str:
    systems = sorted({one.manifest.system for one in known.backups})
    if len(systems) == 1:
        return systems[0]
    if not systems:
        known.require_keys()
        broken = "; ".join(f"{name}: {why}" for name, (why, _) in known.incomplete.items())
        raise NotRestorableError("there is no backup", detail=broken, hint="magray backup full")
    raise NotRestorableError(
        "the repository holds backups of several clusters",
        detail=f"Systems {', '.join(systems)}.",
        hint=f"magray restore --system {systems[-1]} …",
    )


def _timeline(repository: Repository, known: Catalogue, listing: Listing, target: Target) -> int:
    lines = listing.timelines()
    own = {
        one.manifest.timeline for one in known.backups if one.manifest.system == str(listing.system)
    }
    lines = sorted({*lines, *own})
    if len(lines) == 1:
        return lines[0]
    if target.at is None:
        if target.latest:
            return lines[-1]
        raise NotRestorableError(
            "a position alone does not say on which timeline",
            detail=f"There are {', '.join(map(str, lines))}.",
            hint=f"magray restore --timeline {lines[-1]} …",
        )
    windows = windows_of(repository, known)
    try:
        return timeline_at(windows, str(listing.system), target.at)
    except NotRestorableError as error:
        if error.hint:
            raise
        raise refusal(
            repository, known, target, str(listing.system), "no timeline was written then", []
        ) from None


def refusal(
    repository: Repository,
    known: Catalogue,
    target: Target,
    system: str,
    why: str,
    reasons: list[str],
) -> NotRestorableError:
    """An error that names the nearest instants that work."""
    windows = [one for one in windows_of(repository, known) if one.system == system]
    shown = "; ".join(f"{_text(w.since)} to {_text(w.until)}" for w in windows)
    detail = "\n".join([*reasons, f"Restorable: {shown or 'nothing'}."])
    hint = "magray backup list"
    if target.at is not None:
        before, after = nearest(windows, target.at)
        commands = [f"magray restore --to {_text(at)}" for at in (before, after) if at is not None]
        hint = " or ".join(commands) or "magray backup full"
    return NotRestorableError(f"cannot restore {target}: {why}", detail=detail, hint=hint)


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def preflight(repository: Repository, last: Backup) -> None:
    """Refuse programs that cannot run the cluster.

    Raises:
        MissingError: another major version, or an extension or library that is not installed.
    """
    made = last.manifest.server
    version = repository.programs.run("postgres", ["--version"]).stdout.split()[-1]
    wanted = str(made["version"]).split()[0]
    if version.partition(".")[0] != wanted.partition(".")[0]:
        raise MissingError(
            f"the backup is of PostgreSQL {wanted}, the programs here are {version}",
            hint="set backup.bin_dir in magray.toml",
        )
    share = Path(repository.programs.run("pg_config", ["--sharedir"]).stdout.strip())
    libraries = Path(repository.programs.run("pg_config", ["--pkglibdir"]).stdout.strip())
    names = [
        name
        for name in made["extensions"]
        if not (share / "extension" / f"{name}.control").exists()
    ]
    preload = filter(None, (name.strip() for name in made["preload"].split(",")))
    names += [name for name in preload if not any(libraries.glob(f"{name}.*"))]
    if names:
        raise MissingError(
            "the programs here lack what the backup needs",
            detail=f"Not installed: {', '.join(sorted(set(names)))}.",
            hint="apt-get install postgresql-18-pgvector postgresql-18-cron",
        )
